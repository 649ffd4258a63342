#include "orchestrator/demo.h"

#include <math.h>

#include "engines/address.h"

#define ROWS 600
#define SEED UINT64_C(20260131)

static const struct {
	const char *name;
	double rent; /* EUR for a square metre */
} districts[] = {{"Altstadt", 3.6}, {"Hafen", 2.1}, {"Linden", 0.4}, {"Nordpark", 0.0}, {"Ostend", -0.9}, {"Westhang", 1.2}};
static const struct {
	const char *name;
	double rent;
} conditions[] = {{"poor", -1.6}, {"fair", 0}, {"good", 0.9}, {"renovated", 1.9}, {"new", 2.8}};

static double unit(uint64_t row, const char *what)
{
	return address_unit(address_hash(address_text(SEED, what), row));
}

static int between(uint64_t row, const char *what, int low, int high)
{
	return low + (int)address_below(address_hash(address_text(SEED, what), row), (uint64_t)(high - low + 1));
}

/* The sum of twelve: about normal, and exact in every arithmetic. */
static double normal(uint64_t row, const char *what)
{
	uint64_t key = address_hash(address_text(SEED, what), row);
	double sum = -6;

	for (uint64_t i = 0; i < 12; i++)
		sum += address_unit(address_hash(key, i));
	return sum;
}

static void add_flat(uint64_t row, struct text_buf *out)
{
	int rooms = between(row, "rooms", 1, 5), floor_number = between(row, "floor", 0, 8), built = between(row, "built", 1895, 2023);
	int district = between(row, "district", 0, 5), condition = built > 2012 ? 4 : between(row, "condition", 0, 3);
	double area = floor(10 * (14 + 19 * rooms + 6 * normal(row, "area"))) / 10, distance = floor(100 * (0.4 + 11 * unit(row, "distance"))) / 100;
	int balcony = unit(row, "balcony") < 0.45, energy = 40 + (2025 - built) + between(row, "energy", -15, 40);
	double square = 11.2 + districts[district].rent + conditions[condition].rent - 0.28 * distance + 0.12 * floor_number + 0.004 * (built > 1960 ? built - 1960 : 0);
	double rent = area * square + 45 * balcony + 60 + 42 * normal(row, "rent");

	text_addf(out, "%d,%.1f,%d,%d,%d,%s,%s,%.2f,%s,", (int)row + 1, area, rooms, floor_number, built, districts[district].name, conditions[condition].name, distance,
	        balcony ? "yes" : "no");
	if (unit(row, "no energy") >= 0.06)
		text_addf(out, "%d", energy);
	text_addf(out, ",%d,%d,%.0f\n", between(row, "door", 1, 120), between(row, "hour", 0, 23), rent < 150 ? 150 : rent);
}

void demo_data(struct text_buf *out)
{
	text_add(out, "id,area,rooms,floor,built,district,condition,distance,balcony,energy,door_number,listed_at_hour,rent\n");
	for (uint64_t row = 0; row < ROWS; row++)
		add_flat(row, out);
}

void demo_campaign(struct text_buf *out)
{
	text_add(out, "# yaml-language-server: $schema=campaign.schema.json\n"
	              "# 600 flats: what decides the rent? `orch plan` counts what this would do; `orch start` does it; `orch schema --keys` lists all keys.\n"
	              "name: flats\n"
	              "data:\n"
	              "  source: flats.csv\n"
	              "  target: rent                  # EUR a month\n"
	              "  id: id                        # carried into predictions, never a feature\n"
	              "  features:                     # SQL over the columns\n"
	              "    area_per_room: area / rooms\n"
	              "  categories:                   # lowest first; the other texts have no order\n"
	              "    condition: [poor, fair, good, renovated, new]\n"
	              "  missing: keep                 # the energy rating is not always known\n"
	              "split:\n"
	              "  holdout: 0.2                  # seen by no search and no selection\n"
	              "  folds: {kind: kfold, k: 5, stratify: [{column: rent, bins: 5}]}\n"
	              "seed: 42\n"
	              "metric: mae                     # the mean error in EUR\n"
	              "model:\n"
	              "  engine: xgboost\n"
	              "hpo:\n"
	              "  sampler: grid                 # all combinations\n"
	              "  space:\n"
	              "    trees: [50, 100, 200, 400]  # one training answers all four\n"
	              "    max_depth: [2, 3]\n"
	              "    learning_rate: [0.1]\n"
	              "lofo:\n"
	              "  groups:\n"
	              "    size: [area, rooms, area_per_room]    # left out and dropped together: one stands in for another\n"
	              "rfe:\n"
	              "  drop: 1                       # the least important feature after each round\n"
	              "  min_features: 3\n"
	              "  stop: {worse_by: 0.05, patience: 2}     # two rounds in a row that are 5 % worse than the best\n"
	              "  choose: one_se                # the fewest features within one standard error of the best\n");
}
