/* Made by reference_forest.py with scikit-learn 1.9.1: mean and standard deviation of the held-out score over seeds. */
#define REFERENCE_SEEDS 10
#define REFERENCE_TREES 50
static const struct reference_case {
	const char *data, *targets, *params;
	double mean, deviation;
} reference_cases[] = {
	{"diabetes", "y", "{\"kind\": \"random_forest\"}", 64.207591, 1.004},
	{"diabetes", "y", "{\"kind\": \"extra_trees\"}", 61.168597, 0.7497},
	{"diabetes", "y", "{\"kind\": \"random_forest\", \"max_features\": \"sqrt\", \"min_samples_leaf\": 5}", 61.871082, 0.5687},
	{"diabetes", "y", "{\"kind\": \"extra_trees\", \"max_features\": 0.5, \"min_samples_leaf\": 3, \"bootstrap\": true}", 60.81795, 0.6781},
	{"diabetes", "y", "{\"kind\": \"random_forest\", \"max_features\": 0.34, \"min_samples_split\": 20, \"bootstrap\": false}", 62.753095, 0.5835},
	{"diabetes", "y", "{\"kind\": \"extra_trees\", \"max_features\": 1.0, \"max_depth\": 5}", 60.323984, 0.5851},
	{"breast_cancer", "y", "{\"kind\": \"random_forest\"}", 0.048133333, 0.003091},
	{"breast_cancer", "y", "{\"kind\": \"extra_trees\"}", 0.042995088, 0.003255},
	{"breast_cancer", "y", "{\"kind\": \"random_forest\", \"criterion\": \"entropy\", \"max_features\": 0.5, \"min_samples_leaf\": 4}", 0.051708473, 0.002308},
	{"breast_cancer", "y", "{\"kind\": \"extra_trees\", \"criterion\": \"entropy\", \"max_features\": \"log2\"}", 0.041605614, 0.001614},
	{"breast_cancer", "y", "{\"kind\": \"random_forest\", \"class_weight\": \"balanced\", \"bootstrap\": false, \"max_depth\": 4}", 0.051255718, 0.002404},
	{"breast_cancer", "y", "{\"kind\": \"extra_trees\", \"max_features\": \"all\", \"min_samples_leaf\": 5}", 0.046576658, 0.002119},
	{"diamonds_sample", "price", "{\"kind\": \"random_forest\"}", 679.55694, 17.57},
	{"diamonds_sample", "price", "{\"kind\": \"extra_trees\"}", 620.42993, 11.66},
	{"diamonds_sample", "price", "{\"kind\": \"random_forest\", \"max_features\": \"sqrt\", \"min_samples_leaf\": 2}", 807.14111, 21.25},
	{"diamonds_sample", "price", "{\"kind\": \"extra_trees\", \"max_features\": \"sqrt\"}", 744.97108, 21.04},
	{"diamonds_sample", "cut", "{\"kind\": \"random_forest\"}", 0.3946354, 0.004472},
	{"diamonds_sample", "cut", "{\"kind\": \"extra_trees\", \"min_samples_leaf\": 2}", 0.43897151, 0.00574},
	{"diamonds_sample", "cut", "{\"kind\": \"random_forest\", \"class_weight\": \"balanced\", \"bootstrap\": false, \"criterion\": \"entropy\"}", 0.4121584, 0.00515},
	{"diamonds_sample", "cut", "{\"kind\": \"extra_trees\", \"class_weight\": \"balanced\", \"max_features\": \"all\"}", 0.4187776, 0.003403},
	{"diamonds_sample", "x,y,z", "{\"kind\": \"random_forest\", \"max_features\": 0.5}", 0.052434359, 0.001392},
	{"diamonds_sample", "x,y,z", "{\"kind\": \"extra_trees\"}", 0.042656444, 0.0003939},
	{"diamonds_sample missing", "price", "{\"kind\": \"random_forest\", \"max_features\": \"all\"}", 909.25092, 12},
	{"diamonds_sample missing", "price", "{\"kind\": \"random_forest\", \"max_features\": \"sqrt\", \"min_samples_leaf\": 3}", 1026.6308, 15.18},
};
