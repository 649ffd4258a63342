/* Many trees on a few threads. A thread grows a tree into a buffer of its own; whoever finishes the next number adds it, and those
 * behind it that are ready. So sums are formed in the order of the trees' numbers and do not depend on the number of threads. */
#include <pthread.h>
#include <stdlib.h>

#include "engines/model/forest.h"
#include "storage/base/mem.h"

struct train_buffer {
	double *values;
	uint32_t number;
	bool ready;
};
struct train_pool {
	const struct forest_growth *growth;
	struct text_buf *texts;
	double *sums;
	size_t length;
	pthread_mutex_t lock;
	pthread_cond_t freed;
	uint32_t next, last; /* tree to be begun; end */
	uint32_t added;      /* tree to be added */
	struct train_buffer *buffers;
	size_t buffer_count, busy;
	int code;
};

/* Lock held. Trees are begun in order, so the one to be added next always has a buffer and waiting ends. */
static struct train_buffer *pool_take(struct train_pool *pool)
{
	while (pool->busy == pool->buffer_count && pool->next < pool->last && pool->code == 0)
		pthread_cond_wait(&pool->freed, &pool->lock);
	if (pool->next >= pool->last || pool->code != 0)
		return NULL;
	for (size_t i = 0; i < pool->buffer_count; i++)
		if (pool->buffers[i].number == UINT32_MAX) {
			pool->buffers[i].number = pool->next++;
			pool->busy++;
			return &pool->buffers[i];
		}
	orch_bug("no free buffer among %zu", pool->buffer_count);
}

/* Lock held. */
static void pool_add_ready(struct train_pool *pool)
{
	for (size_t i = 0; i < pool->buffer_count;) {
		struct train_buffer *buffer = &pool->buffers[i++];

		if (!buffer->ready || buffer->number != pool->added)
			continue;
		for (size_t k = 0; k < pool->length; k++)
			pool->sums[k] += buffer->values[k];
		buffer->ready = false;
		buffer->number = UINT32_MAX;
		pool->busy--;
		pool->added++;
		i = 0;
	}
	pthread_cond_broadcast(&pool->freed);
}

static void *train_thread(void *argument)
{
	struct train_pool *pool = argument;
	struct forest_grower *grower = NULL;
	struct train_buffer *buffer;
	int code = forest_grower_open(pool->growth, &grower);

	pthread_mutex_lock(&pool->lock);
	if (code != 0)
		pool->code = code;
	while (code == 0 && (buffer = pool_take(pool)) != NULL) {
		pthread_mutex_unlock(&pool->lock);
		code = forest_grower_tree(grower, buffer->number, buffer->values, pool->texts ? &pool->texts[buffer->number] : NULL);
		pthread_mutex_lock(&pool->lock);
		buffer->ready = code == 0;
		if (code != 0)
			pool->code = code;
		else
			pool_add_ready(pool);
	}
	pthread_cond_broadcast(&pool->freed);
	pthread_mutex_unlock(&pool->lock);
	forest_grower_close(grower);
	return NULL;
}

/* The calling thread works too; a thread that cannot be started is only missed. */
static void train_run(struct train_pool *pool, unsigned threads)
{
	pthread_t *others = mem_must(threads, sizeof(*others));
	unsigned started = 0;

	while (started + 1 < threads && pthread_create(&others[started], NULL, train_thread, pool) == 0)
		started++;
	train_thread(pool);
	for (unsigned i = 0; i < started; i++)
		pthread_join(others[i], NULL);
	free(others);
}

int forest_train(const struct forest_growth *growth, uint32_t first, uint32_t last, unsigned threads, double *sums,
                 struct text_buf *texts, struct orch_err *err)
{
	struct train_pool pool = {
		.growth = growth,
		.texts = texts,
		.sums = sums,
		.length = growth->fold->test_count * growth->slot_count * growth->fold->value_width,
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.freed = PTHREAD_COND_INITIALIZER,
		.next = first,
		.last = last,
		.added = first,
	};

	if (threads > last - first)
		threads = last - first ? last - first : 1;
	pool.buffer_count = threads > 1 ? threads + 1 : 1;
	pool.buffers = mem_array(pool.buffer_count, sizeof(*pool.buffers));
	if (!pool.buffers)
		pool.code = ORCH_ENOMEM;
	for (size_t i = 0; i < pool.buffer_count && pool.code == 0; i++) {
		pool.buffers[i] = (struct train_buffer){mem_array(pool.length + 1, sizeof(double)), UINT32_MAX, false};
		if (!pool.buffers[i].values)
			pool.code = ORCH_ENOMEM;
	}
	if (pool.code == 0)
		train_run(&pool, threads);
	for (size_t i = 0; i < pool.buffer_count && pool.buffers; i++)
		free(pool.buffers[i].values);
	free(pool.buffers);
	return pool.code == 0 ? 0 : orch_fail(err, pool.code, "no memory for trees of %zu rows", growth->fold->train_count);
}
