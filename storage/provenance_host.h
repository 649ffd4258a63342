/* provenance_host: the libraries this process runs with, and the machine (private to provenance). New references. */
#ifndef STORAGE_PROVENANCE_HOST_H
#define STORAGE_PROVENANCE_HOST_H

#include <jansson.h>

json_t *provenance_libraries(void); /* {name: version} as the libraries say, not their headers */
json_t *provenance_machine(void);   /* {name, system, release, machine, cpu, cores, memory} */

#endif
