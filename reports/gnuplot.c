#include "reports/gnuplot.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "reports/glyphs.h"
#include "storage/base/mem.h"

#define FIRST_FD 3      /* of the child: the script, the output, then a file for each layer */

/* ---- files in memory ---- */

static int memory_file(const void *bytes, size_t length, int *fd, struct orch_err *err)
{
	size_t done = 0;

	*fd = memfd_create("orch-plot", MFD_CLOEXEC);
	if (*fd < 0)
		return orch_fail_sys(err, ORCH_EIO, errno, "no file in memory for a plot");
	while (done < length) {
		ssize_t n = write(*fd, (const char *)bytes + done, length - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return orch_fail_sys(err, ORCH_EIO, errno, "cannot hand data to gnuplot");
		done += (size_t)n;
	}
	return 0;
}

static int read_back(int fd, char **bytes, size_t *length, struct orch_err *err)
{
	struct stat info;
	char *block;
	size_t done = 0;

	if (fstat(fd, &info))
		return orch_fail_sys(err, ORCH_EIO, errno, "cannot read what gnuplot drew");
	block = mem_array((size_t)info.st_size + 1, 1);
	if (!block)
		return orch_fail(err, ORCH_ENOMEM, "no memory for a plot of %lld bytes", (long long)info.st_size);
	while (done < (size_t)info.st_size) {
		ssize_t n = pread(fd, block + done, (size_t)info.st_size - done, (off_t)done);

		if (n <= 0 && errno != EINTR) {
			free(block);
			return orch_fail_sys(err, ORCH_EIO, errno, "cannot read what gnuplot drew");
		}
		done += n > 0 ? (size_t)n : 0;
	}
	*bytes = block;
	*length = done;
	return 0;
}

/* ---- the script ---- */

static void add_style(struct text_buf *script, const struct figure_style *style)
{
	static const char *const aligns[] = {"left", "center", "right"};
	static const char *const dashes[] = {"solid", "(8,6)", "(3,4)"};

	switch (style->kind) {
	case FIGURE_LINES:
		text_addf(script, "1:2 with lines lc rgb '#%02x%06x' lw %.2f dt %s", 255 - style->opacity * 255 / 100, style->rgb, style->size, dashes[style->dash]);
		break;
	case FIGURE_POLYGONS:
		text_addf(script, "1:2 with filledcurves closed lc rgb '#%06x' fs %s %.2f noborder", style->rgb, style->opacity < 100 ? "transparent solid" : "solid",
		        style->opacity / 100.0);
		break;
	case FIGURE_DOTS:
		text_addf(script, "1:2 with points pt 7 ps %.3f lc rgb '#%02x%06x'", style->size / 4.5, 255 - style->opacity * 255 / 100, style->rgb);
		break;
	case FIGURE_TEXTS:
		text_addf(script, "1:2:3 with labels noenhanced %s %s font 'Inter%s,%.2f' tc rgb '#%06x'", aligns[style->align], style->upright ? "rotate by 90" : "norotate",
		        style->bold ? ":Bold" : "", style->size, style->rgb);
		break;
	}
}

/* One plot over the whole canvas, in pixels: gnuplot has no axis, margin or range of its own to choose. */
static void make_script(const struct figure *figure, enum gnuplot_format format, struct text_buf *script)
{
	int fd = FIRST_FD + 2;
	bool first = true;

	if (format == GNUPLOT_SVG)
		text_addf(script, "set terminal svg size %.0f,%.0f font 'Inter,12' noenhanced\n", figure->width, figure->height);
	else
		text_addf(script, "set terminal pngcairo size %.0f,%.0f fontscale 1.5 linewidth 2 pointscale 2 font 'Inter,12' noenhanced background rgb '#ffffff'\n", 2 * figure->width,
		        2 * figure->height);
	text_addf(script, "set output '/dev/fd/%d'\nset encoding utf8\nunset key\nunset border\nunset tics\nset datafile separator '\\t'\nset datafile missing '\\1'\n"
	        "set datafile commentschars ''\nset lmargin at screen 0\nset rmargin at screen 1\nset bmargin at screen 0\nset tmargin at screen 1\n"
	        "set xrange [0:%.0f]\nset yrange [%.0f:0]\nplot ", FIRST_FD + 1, figure->width, figure->height);
	for (size_t i = 0; i < figure->count; i++) {
		if (!figure->layers[i].shapes)
			continue;
		text_addf(script, "%s'/dev/fd/%d' using ", first ? "" : ", \\\n", fd++);
		add_style(script, &figure->layers[i].style);
		first = false;
	}
	text_add(script, first ? "NaN notitle\n" : "\n");
}

/* ---- the process ---- */

static int spawn(const int *fds, size_t count, int said, pid_t *pid)
{
	static char *const none[] = {"PATH=/usr/local/bin:/usr/bin:/bin", "LC_ALL=C.UTF-8", "HOME=/nonexistent", "GNUTERM=unknown", NULL};
	char name[] = "gnuplot", script[] = "/dev/fd/3", quick[] = "-d";
	char *arguments[] = {name, quick, script, NULL};
	char **environment = (char **)none, *path = getenv("PATH"), *line = NULL, *own[5];
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t none_blocked;
	int sys;

	if (path) {
		line = text_format("PATH=%s", path);
		memcpy(own, none, sizeof none);
		own[0] = line;
		environment = own;
	}
	posix_spawn_file_actions_init(&actions);
	posix_spawnattr_init(&attributes);
	sigemptyset(&none_blocked);
	posix_spawnattr_setsigmask(&attributes, &none_blocked);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
	posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, said, 1);
	posix_spawn_file_actions_adddup2(&actions, said, 2);
	for (size_t i = 0; i < count; i++) /* all sources lie above all targets: see raise_fds */
		posix_spawn_file_actions_adddup2(&actions, fds[i], FIRST_FD + (int)i);
	sys = posix_spawnp(pid, name, &actions, &attributes, arguments, environment);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attributes);
	free(line);
	return sys;
}

static int wait_for(pid_t pid, int said, struct orch_err *err)
{
	char *text = NULL;
	size_t length;
	int status, code;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return orch_fail_sys(err, ORCH_EIO, errno, "lost gnuplot");
	code = read_back(said, &text, &length, err);
	if (!code && (!WIFEXITED(status) || WEXITSTATUS(status) || length)) {
		char *safe = text_printable(text);

		if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
			code = orch_fail(err, ORCH_EMISSING, "gnuplot is not installed; plots need it (apt-get install gnuplot-nox)");
		else
			code = orch_fail(err, ORCH_EIO, "gnuplot failed (%s %d): %.600s", WIFSIGNALED(status) ? "signal" : "exit status", WIFSIGNALED(status) ? WTERMSIG(status) :
			        WEXITSTATUS(status), safe);
		free(safe);
	}
	free(text);
	return code;
}

/* Copies of the files above everything that the child will use, so that no dup2 overwrites a source. */
static int raise_fds(int *fds, size_t count, struct orch_err *err)
{
	for (size_t i = 0; i < count; i++) {
		int high = fcntl(fds[i], F_DUPFD_CLOEXEC, FIRST_FD + (int)count + 8);

		if (high < 0)
			return orch_fail_sys(err, ORCH_EIO, errno, "too many files for a plot of %zu layers", count);
		close(fds[i]);
		fds[i] = high;
	}
	return 0;
}

static int run(int *fds, size_t count, struct orch_err *err)
{
	int said = -1, code = memory_file("", 0, &said, err), sys;
	pid_t pid;

	if (!code)
		code = raise_fds(fds, count, err);
	if (!code)
		code = raise_fds(&said, 1, err);
	if (!code) {
		sys = spawn(fds, count, said, &pid);
		if (sys == ENOENT)
			code = orch_fail(err, ORCH_EMISSING, "gnuplot is not installed; plots need it (apt-get install gnuplot-nox)");
		else if (sys)
			code = orch_fail_sys(err, ORCH_EIO, sys, "cannot run gnuplot");
		else
			code = wait_for(pid, said, err);
	}
	if (said >= 0)
		close(said);
	return code;
}

/* What a layer draws; for PNG without characters that no font has. */
static int layer_file(const struct figure_layer *layer, const struct glyphs *glyphs, int *fd, struct orch_err *err)
{
	struct text_buf known = {0};
	int code;

	if (layer->style.kind != FIGURE_TEXTS || !glyphs->count)
		return memory_file(layer->data.data, layer->data.length, fd, err);
	glyphs_copy(glyphs, layer->data.data, layer->data.length, &known);
	code = memory_file(known.data, known.length, fd, err);
	text_buf_release(&known);
	return code;
}

static int make_files(const struct figure *figure, enum gnuplot_format format, int *fds, size_t *count, struct orch_err *err)
{
	struct text_buf script = {0};
	struct glyphs glyphs = {0};
	int code;

	if (format == GNUPLOT_PNG)
		glyphs_ask(&glyphs);
	make_script(figure, format, &script);
	code = memory_file(script.data, script.length, &fds[(*count)++], err);
	text_buf_release(&script);
	if (!code)
		code = memory_file("", 0, &fds[(*count)++], err);
	for (size_t i = 0; i < figure->count && !code; i++)
		if (figure->layers[i].shapes)
			code = layer_file(&figure->layers[i], &glyphs, &fds[(*count)++], err);
	glyphs_release(&glyphs);
	return code;
}

int gnuplot_draw(const struct figure *figure, enum gnuplot_format format, char **bytes, size_t *length, struct orch_err *err)
{
	int *fds = mem_must(figure->count + 3, sizeof *fds), code;
	struct text_buf clean = {0};
	size_t count = 0, raw_length = 0;
	char *raw = NULL;

	code = make_files(figure, format, fds, &count, err);
	if (!code)
		code = run(fds, count, err);
	if (!code)
		code = read_back(fds[1], &raw, &raw_length, err);
	if (!code && format == GNUPLOT_SVG)
		code = gnuplot_svg_clean(figure, raw, &clean, err);
	if (!code && format == GNUPLOT_SVG) {
		free(raw);
		raw_length = clean.length;
		raw = text_take(&clean);
	}
	for (size_t i = 0; i < count; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	free(fds);
	text_buf_release(&clean);
	if (code) {
		free(raw);
		return code;
	}
	*bytes = raw;
	*length = raw_length;
	return 0;
}

int gnuplot_check(struct orch_err *err)
{
	struct figure *figure = figure_new("check", 200, 100);
	char *bytes = NULL;
	size_t length;
	int code;

	figure_dot(figure, COLOUR_INK, 100, 2, 100, 50);
	code = gnuplot_draw(figure, GNUPLOT_SVG, &bytes, &length, err);
	free(bytes);
	figure_release(figure);
	return code;
}
