/* descent: the least value of a smooth function in a box, near a start. Projected quasi-Newton: steps by the BFGS formula (Nocedal and
 * Wright, Numerical Optimization, 2006, ch. 6) in the variables that are not held at a bound, shortened until the value falls enough
 * (Armijo). Deterministic; any thread. */
#ifndef ENGINES_SEARCH_DESCENT_H
#define ENGINES_SEARCH_DESCENT_H

#include <stddef.h>

/* The value at x and its gradient (count); INFINITY where there is none. */
typedef double descent_function(void *context, const double *x, double *gradient);
/* x: start, in the box, with a finite value; at the end the best point met. Returns its value. No more than `calls` calls (and the
 * first). room: descent_room(count) doubles. */
size_t descent_room(size_t count);
double descent_run(descent_function *function, void *context, size_t count, const double *low, const double *high, unsigned calls, double *x,
                   double *room);

#endif
