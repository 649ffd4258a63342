/* fault: places where a test may kill the process or make an operation fail. One call per durable step.
 * ORCH_FAULT in the environment, read once:
 *   count:FILE        append each step's name to FILE (one line each) and go on
 *   kill@N            SIGKILL this process at its N-th step (from 1)
 *   killgroup@N       SIGKILL the whole process group at the N-th step
 *   stop@N            SIGSTOP this process before its N-th step: whoever sent it to sleep cuts the power, or wakes it
 *   fail@N:ERRNO      the N-th step fails with that errno (a name, ENOSPC, or a number); fail@N+:ERRNO from then on
 * ORCH_FAULT_SCOPE=orchestrator (default) or worker says which processes count. Not set: a predictable no-op. */
#ifndef STORAGE_BASE_FAULT_H
#define STORAGE_BASE_FAULT_H

/* Returns 0 to go on, or the errno with which the step must fail without being done. step: "fsync", "rename", "ledger commit"... */
int fault_point(const char *step, const char *path);
/* Called first thing by `orch worker`, so that the scope can be told. */
void fault_in_worker(void);

#endif
