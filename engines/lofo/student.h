/* student: Student's t distribution, by the regularised incomplete beta function.
 * Pure functions, any thread. Relative error below 1e-12 for up to 1,000 degrees of freedom (tested against 40-digit values). */
#ifndef ENGINES_LOFO_STUDENT_H
#define ENGINES_LOFO_STUDENT_H

/* I_x(a, b) for a, b > 0 and x in [0, 1]; NaN otherwise. Continued fraction DLMF 8.17.22, summed by the modified Lentz method
 * (Thompson and Barnett, J. Comput. Phys. 64 (1986) 490), on the side of x where it converges fast (DLMF 8.17.4). */
double beta_incomplete(double a, double b, double x);
/* P(|T| >= |t|), T with df > 0 degrees of freedom: DLMF 8.17 with x = df / (df + t^2), a = df / 2, b = 1/2. NaN in, NaN out. */
double student_two_sided(double t, double df);
/* The t with student_two_sided(t, df) = p, for p in (0, 1]; NaN otherwise. Bisection down to neighbouring doubles. */
double student_critical(double p, double df);

#endif
