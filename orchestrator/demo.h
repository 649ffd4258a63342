/* demo: data and a campaign file to try orch with: 600 flats and their rents, made up, the same bytes everywhere. What a rent is made of is
 * known (area, district, distance, condition, floor, balcony, and chance), and so is what has nothing to do with it. */
#ifndef ORCHESTRATOR_DEMO_H
#define ORCHESTRATOR_DEMO_H

#include "storage/base/text.h"

#define DEMO_SOURCE "flats.csv"
#define DEMO_TARGET "rent"
void demo_data(struct text_buf *out);
void demo_campaign(struct text_buf *out);

#endif
