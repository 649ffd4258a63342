/* err: how every function of orch reports failure.
 * Functions return 0 or a negative enum orch_code. struct orch_err is owned by the caller and may be NULL;
 * the first failure recorded in it wins, callers prefix context with orch_err_prefix.
 * A text says what was wrong, where, and what to do. Outputs are untouched on failure.
 * Only main.c and cmd_*.c print or exit. orch_bug aborts on a broken invariant, never on input or I/O. */
#ifndef STORAGE_BASE_ERR_H
#define STORAGE_BASE_ERR_H

enum orch_code {
	ORCH_OK = 0,
	ORCH_EINPUT = -1,   /* what the user gave is wrong                       -> exit 2 */
	ORCH_EIO = -2,      /* the system failed; nothing was acknowledged       -> exit 1 */
	ORCH_ENOMEM = -3,   /*                                                   -> exit 1 */
	ORCH_EBUSY = -4,    /* another orch holds it                             -> exit 4 */
	ORCH_EDAMAGED = -5, /* what is stored is not what was written            -> exit 5 */
	ORCH_EDRIFT = -6,   /* data, spec or version is not that of the campaign -> exit 2 */
	ORCH_ELIMIT = -7,   /* above the plan's limits                           -> exit 3 */
	ORCH_ESTOPPED = -8, /* asked to stop; resumable                          -> exit 75 */
	ORCH_EUNSURE = -9,  /* done, durability unknown: reopen and verify       -> exit 1 */
	ORCH_EFIT = -10,    /* this fit failed; the campaign goes on */
	ORCH_EMISSING = -11 /* not there */
};

struct orch_err {
	enum orch_code code; /* ORCH_OK while nothing failed */
	int sys;             /* errno, or 0 */
	char text[2048];     /* UTF-8, no trailing newline; several lines for several errors */
};

/* Record a failure (unless one is recorded already) and return code. err may be NULL. */
int orch_fail(struct orch_err *err, enum orch_code code, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* The same, with ": strerror(sys)" appended. ENOMEM turns code into ORCH_ENOMEM. */
int orch_fail_sys(struct orch_err *err, enum orch_code code, int sys, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
/* Put "context: " before the text. No effect while nothing is recorded. */
void orch_err_prefix(struct orch_err *err, const char *format, ...) __attribute__((format(printf, 2, 3)));
void orch_err_clear(struct orch_err *err);
int orch_exit_status(int code); /* process exit status for a code, as in the README */
_Noreturn void orch_bug_at(const char *file, int line, const char *format, ...) __attribute__((format(printf, 3, 4)));
#define orch_bug(...) orch_bug_at(__FILE__, __LINE__, __VA_ARGS__)

#endif
