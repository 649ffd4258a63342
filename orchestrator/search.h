/* search: the trials of a round: which model and which parameters trial i has, and which trials one fit can answer together.
 * Models come one after the other: the trials of the first, then those of the second; hpo.trials is the total, split evenly. Nothing is
 * enumerated: a trial's parameters are computed from its number and, for samplers that learn, from what the ledger has of earlier
 * generations. One thread.
 *
 * Samplers that learn propose in generations: a trial's parameters may be asked for once all fits of its model's earlier generations
 * have ended (search_generation says how many trials are one; the search's phases see to it). */
#ifndef ORCHESTRATOR_SEARCH_H
#define ORCHESTRATOR_SEARCH_H

#include <jansson.h>
#include <stdint.h>

#include "engines/model/engine.h"
#include "orchestrator/spec.h"
#include "storage/ledger.h"

#define SEARCH_GROUP_MAX 512 /* trials in one task */
struct search;
/* Where the results of the round are; borrowed. Without a ledger (plans, before anything ran) a sampler that learns is stood in for by
 * points of a Sobol sequence: as many, of the same space. */
struct search_source {
	struct ledger *ledger;
	unsigned folds;
	bool maximise;
};
int search_open(const struct spec *spec, unsigned round, const struct search_source *source, struct search **out, struct orch_err *err);
void search_close(struct search *search);
uint64_t search_configurations(const struct search *search); /* saturates at UINT64_MAX */
/* The model of a trial, and the trials of a model: from *first on, so many. */
size_t search_model(const struct search *search, uint64_t trial);
uint64_t search_model_trials(const struct search *search, size_t model, uint64_t *first);
uint64_t search_generation(const struct search *search, size_t model); /* 0: any trial at any time */
/* Does hpo.pruner decide about the model's trials? Not where its engine answers all folds at once. */
bool search_prunes(const struct search *search, size_t model);
/* Does it look at the values of fits under way, too? */
bool search_prunes_curves(const struct search *search, size_t model);
/* Trials of a model that are decided about together: its generation, or what the pruner wants. 0: all of them. */
uint64_t search_cohort(const struct search *search, size_t model);
/* All parameters of a trial: fixed ones of the model and the searched ones. New reference. */
int search_params(const struct search *search, uint64_t trial, json_t **out, struct orch_err *err);
/* The searched parameters only, in the order of the space (absent when their `when` does not hold). New reference. */
int search_searched(const struct search *search, uint64_t trial, json_t **out, struct orch_err *err);
/* Trials of a model that differ only in free axes of the engine are one group, which one fit answers; a group holds trials of one
 * generation. Groups are numbered from 0, those of a model one after the other, and hold at most SEARCH_GROUP_MAX trials. */
uint64_t search_groups(const struct search *search);
uint64_t search_model_groups(const struct search *search, size_t model); /* so many of them */
size_t search_group_trials(const struct search *search, uint64_t group, uint64_t out[SEARCH_GROUP_MAX]); /* ascending */

#endif
