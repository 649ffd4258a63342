/* process: who a process is (a pid alone is recycled), what it uses, and the time. */
#ifndef STORAGE_BASE_PROCESS_H
#define STORAGE_BASE_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct process_id {
	pid_t pid;
	uint64_t start_ticks; /* field 22 of /proc/PID/stat */
	char boot_id[40];     /* /proc/sys/kernel/random/boot_id */
	char host[65];
};
void process_self(struct process_id *out);
/* Start time of a running pid; 0 when there is none. */
uint64_t process_start_ticks(pid_t pid);
/* True when exactly that process runs here now (same host, boot, pid and start time; zombies do not run). */
bool process_alive(const struct process_id *id);
uint64_t process_rss_anon(pid_t pid);        /* bytes of anonymous memory (RssAnon); 0: gone */
/* Of this process: begin, then the peak of its anonymous memory since (the kernel's peak of all resident memory, less what is resident of
 * files now); 0 where the kernel does not tell. */
void process_peak_begin(void);
uint64_t process_peak_anon(void);
uint64_t process_tree_rss_anon(pid_t pid);   /* with all descendants */
double process_tree_cpu(pid_t pid);          /* seconds of processor time, of it and all descendants, ended ones included; 0: gone */
bool process_stopped(pid_t pid);             /* sent to sleep by a signal (SIGSTOP, SIGTSTP); not: looked at by a debugger */
uint64_t process_memory_available(void);     /* bytes: the least of machine, cgroup v1/v2 limits (total, not free) */
unsigned process_cores(void);                /* usable: affinity and cgroup quota, physical cores counted once, at least 1 */
/* The parts of the two that read files, for a tree that stands in for "/" (proc/self/cgroup, sys/fs/cgroup, sys/devices);
 * root "" is this machine. Limit: 0 when there is none. cpus: count numbers of logical processors. */
uint64_t process_cgroup_memory(const char *root);
double process_cgroup_cpus(const char *root); /* quota in processors; 0: none */
unsigned process_physical_cores(const char *root, const unsigned *cpus, unsigned count);
double process_clock(void);                  /* seconds, monotonic */
double process_thread_cpu(void);             /* seconds of processor time of the thread that asks */
double process_wall(void);                   /* seconds since 1970 */
const char *process_time_text(double wall, char out[32]); /* "2026-01-31T06:10:00Z" */
void process_random(void *out, size_t length);            /* getrandom: for attempt ids only, never for results */

#endif
