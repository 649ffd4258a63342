/* compare_page: a comparison (orchestrator/compare.h) as a page that stands alone. */
#ifndef REPORTS_COMPARE_PAGE_H
#define REPORTS_COMPARE_PAGE_H

#include <jansson.h>

#include "storage/base/text.h"

void compare_page_write(const json_t *comparison, struct text_buf *out);

#endif
