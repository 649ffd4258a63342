/* search: the trials of a round: which parameters trial i has, and which trials one fit can answer together.
 * Nothing is enumerated or kept per trial: a trial's parameters are computed from its number (and, for samplers that learn, from the
 * scores of earlier generations). Pure functions of the spec; one thread. */
#ifndef ORCHESTRATOR_SEARCH_H
#define ORCHESTRATOR_SEARCH_H

#include <jansson.h>
#include <stdint.h>

#include "engines/model/engine.h"
#include "orchestrator/spec.h"

#define SEARCH_GROUP_MAX 512 /* trials in one task */
struct search;
int search_open(const struct spec *spec, unsigned round, struct search **out, struct orch_err *err);
void search_close(struct search *search);
uint64_t search_configurations(const struct search *search); /* saturates at UINT64_MAX */
/* All parameters of a trial: fixed ones of the model and the searched ones. New reference. */
int search_params(const struct search *search, uint64_t trial, json_t **out, struct orch_err *err);
/* The searched parameters only, in the order of the space (absent when their `when` does not hold). New reference. */
int search_searched(const struct search *search, uint64_t trial, json_t **out, struct orch_err *err);
/* Trials that differ only in free axes of the engine are one group, which one fit answers. Groups are numbered from 0 and hold
 * at most SEARCH_GROUP_MAX trials. */
uint64_t search_groups(const struct search *search);
size_t search_group_trials(const struct search *search, uint64_t group, uint64_t out[SEARCH_GROUP_MAX]); /* ascending */

#endif
