#include "reports/page.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "storage/base/file.h"
#include "storage/base/hash.h"
#include "storage/base/json.h"

#define LIGHT "--ink:#111827;--soft:#6b7280;--line:#e5e7eb;--paper:#fff;--accent:#3b82f6;--bad:#9ca3af;--box:#f9fafb"

static const char style[] =
	":root{color-scheme:light dark;" LIGHT "}\n"
	"@media (prefers-color-scheme:dark){:root{--ink:#e5e7eb;--soft:#9ca3af;--line:#374151;--paper:#111827;--accent:#60a5fa;--bad:#6b7280;--box:#1f2937}}\n"
	"@media print{:root{color-scheme:light;" LIGHT ";--plot-ink:#111827;--plot-text:#374151;--plot-muted:#6b7280;--plot-axis:#9ca3af;--plot-grid:#e5e7eb;--plot-pale:#cbd5e1;--plot-strong:#1e40af}}\n"
	"body{font:15px/1.5 Inter,\"Helvetica Neue\",Arial,sans-serif;color:var(--ink);background:var(--paper);max-width:72rem;margin:2rem auto;padding:0 1rem;overflow-wrap:break-word}\n"
	"h1{font-size:1.4rem;margin:0}h2{font-size:1.05rem;margin:2.2rem 0 .2rem}p.sub{color:var(--soft);margin:.1rem 0 1rem}p.answer{font-size:1.1rem;margin:1rem 0}\n"
	".figures{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(13rem,44%),1fr));gap:.8rem;margin:1rem 0}.figure{background:var(--box);border-radius:.5rem;padding:.7rem 1rem;min-width:0}\n"
	".figure b{display:block;font-size:1.2rem;font-variant-numeric:tabular-nums;line-height:1.35;overflow-wrap:anywhere}.figure b.long{font-size:1rem}.figure span{color:var(--soft);font-size:.85rem}\n"
	"figure{margin:1.6rem 0;overflow-x:auto}figure svg{display:block;width:100%;height:auto}figcaption{color:var(--soft);font-size:.85rem}\n"
	".pictures{display:grid;grid-template-columns:minmax(0,1fr);column-gap:2rem;align-items:start}@media (min-width:75rem){.pictures{grid-template-columns:repeat(2,minmax(0,1fr))}}\n"
	".chart{height:22rem;margin:.3rem 0 0}p.head{margin:0}p.head b{display:block;font-weight:600}p.head span{color:var(--soft);font-size:.85rem}\n"
	".wrap{overflow-x:auto}table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}\n"
	"th{cursor:pointer;text-align:left;border-bottom:1px solid var(--line);font-weight:600;font-size:.85rem;color:var(--soft);white-space:nowrap}\n"
	"th[aria-sort=ascending]::after{content:\" \\2191\"}th[aria-sort=descending]::after{content:\" \\2193\"}\n"
	"th,td{padding:.3rem .7rem .3rem 0;vertical-align:top}td{border-bottom:1px solid var(--line);overflow-wrap:break-word;min-width:3.5rem;max-width:26rem}td:first-child{min-width:4.5rem}a{color:var(--accent)}\n"
	"td.t{min-width:15rem}td.n,th.n{text-align:right}td.n{white-space:nowrap}.track{display:block;position:relative;height:.7rem;min-width:10rem;margin-top:.35rem}.track i{position:absolute;top:0;bottom:0;background:var(--accent)}\n"
	".track i.low{background:var(--bad)}.track u{position:absolute;top:45%;height:1px;background:var(--ink)}.track s{position:absolute;top:-.15rem;bottom:-.15rem;width:1px;background:var(--soft)}\n"
	"pre{background:var(--box);border-radius:.5rem;padding:.7rem 1rem;overflow-x:auto;font-size:.85rem}code{font-size:.9em}\n"
	".onpaper{display:none}\n"
	"@page{margin:14mm 12mm}\n"
	"@media print{body{max-width:none;margin:0;padding:0;font-size:11px}h1{font-size:20px}h2{font-size:14px;margin:1.4rem 0 .2rem;break-after:avoid}h2+p{break-after:avoid}p.answer{font-size:13px}"
	"figure,.figure,tr{break-inside:avoid}figure{margin:.8rem 0;overflow:visible}figure svg{width:auto;max-width:100%;max-height:44vh}.figures{grid-template-columns:repeat(4,1fr);gap:.5rem}.figure{padding:.5rem .6rem}"
	".figure b{font-size:14px}.figure b.long{font-size:12px}.live{display:none}.onpaper{display:block}.pictures{display:block}.wrap,pre{overflow:visible}pre{white-space:pre-wrap}"
	"table{font-size:9px}thead{display:table-header-group}th{cursor:auto;white-space:normal;font-size:9px}th,td{padding:.15rem .5rem .15rem 0}td,td:first-child,td.t{min-width:0}td.n{white-space:normal;overflow-wrap:anywhere}"
	"figcaption,p.sub{font-size:10px}.track{min-width:5rem}*{print-color-adjust:exact;-webkit-print-color-adjust:exact}}\n";

static const char script[] =
	"document.querySelectorAll('table').forEach(t=>{const h=[...t.tHead.rows[0].cells];h.forEach((c,i)=>{c.tabIndex=0;let up=false;"
	"const go=()=>{up=!up;const n=c.classList.contains('n');const v=r=>{const x=r.cells[i].dataset.v??r.cells[i].textContent;return n?(x===''||x==='-'?-Infinity:+x):x};"
	"[...t.tBodies[0].rows].sort((a,b)=>{const x=v(a),y=v(b);return(x<y?-1:x>y?1:0)*(up?1:-1)}).forEach(r=>t.tBodies[0].append(r));"
	"h.forEach(o=>o.removeAttribute('aria-sort'));c.setAttribute('aria-sort',up?'ascending':'descending')};"
	"c.onclick=go;c.onkeydown=e=>{if(e.key==='Enter')go()}})})";

static void allow(struct text_buf *out, const char *bytes, size_t length)
{
	struct hash hash;
	uint8_t digest[HASH_BYTES];
	char *text;

	hash_begin(&hash);
	hash_add(&hash, bytes, length);
	hash_end(&hash, digest);
	text = hash_base64(digest);
	text_addf(out, " 'sha256-%s'", text);
	free(text);
}

void page_begin_script(struct text_buf *out, const char *title, const char *subtitle, const char *more, size_t length)
{
	text_add(out, "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
	              "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; script-src");
	allow(out, script, sizeof script - 1);
	if (more)
		allow(out, more, length);
	text_add(out, "\">\n<title>");
	text_add_html(out, title);
	text_add(out, "</title><style>\n");
	text_add(out, style);
	text_add(out, "</style></head><body>\n<h1>");
	text_add_html(out, title);
	text_add(out, "</h1><p class=\"sub\">");
	text_add_html(out, subtitle);
	text_add(out, "</p>\n");
}

void page_begin(struct text_buf *out, const char *title, const char *subtitle)
{
	page_begin_script(out, title, subtitle, NULL, 0);
}

void page_end_script(struct text_buf *out, const char *more, size_t length)
{
	text_addf(out, "<script>%s</script>\n", script);
	if (more) {
		text_add(out, "<script>");
		text_add_bytes(out, more, length);
		text_add(out, "</script>\n");
	}
	text_add(out, "</body></html>\n");
}

void page_end(struct text_buf *out)
{
	page_end_script(out, NULL, 0);
}

void page_data(struct text_buf *out, const char *id, const json_t *value)
{
	char *text = json_text(value, JSON_STYLE_LINE);

	text_addf(out, "<script type=\"application/json\" id=\"%s\">", id);
	for (const char *at = text; *at; at++)
		if (*at == '<' || *at == '>' || *at == '&')
			text_addf(out, "\\u%04x", *at);
		else
			text_add_bytes(out, at, 1);
	text_add(out, "</script>\n");
	free(text);
}

void page_svg(struct text_buf *out, const char *path, const char *caption)
{
	char *svg = NULL;
	size_t length;

	if (file_read(path, 0, &svg, &length, NULL))
		return;
	text_add(out, "<figure>");
	text_add_bytes(out, svg, length);
	text_add(out, "<figcaption>");
	text_add_html(out, caption);
	text_add(out, "</figcaption></figure>\n");
	free(svg);
}

void page_text(struct text_buf *out, const char *css_class, const char *text)
{
	text_addf(out, "<p class=\"%s\">", css_class);
	text_add_html(out, text);
	text_add(out, "</p>\n");
}

void page_section(struct text_buf *out, const char *title, const char *note)
{
	text_add(out, "<h2>");
	text_add_html(out, title);
	text_add(out, "</h2>");
	if (note) {
		text_add(out, "<p class=\"sub\">");
		text_add_html(out, note);
		text_add(out, "</p>");
	}
	text_add(out, "\n");
}

void page_figures_begin(struct text_buf *out)
{
	text_add(out, "<div class=\"figures\">\n");
}

void page_figure(struct text_buf *out, const char *label, const char *value, const char *note)
{
	text_add(out, "<div class=\"figure\"><span>");
	text_add_html(out, label);
	text_add(out, "</span>");
	text_add(out, strlen(value) > 22 ? "<b class=\"long\">" : "<b>");
	text_add_html(out, value);
	text_add(out, "</b><span>");
	text_add_html(out, note ? note : "");
	text_add(out, "</span></div>\n");
}

void page_figures_end(struct text_buf *out)
{
	text_add(out, "</div>\n");
}

void page_table_begin(struct text_buf *out, const char *const *headers, size_t count, const char *numeric)
{
	text_add(out, "<div class=\"wrap\"><table><thead><tr>");
	for (size_t i = 0; i < count; i++) {
		text_add(out, numeric[i] == '1' ? "<th class=\"n\">" : "<th>");
		text_add_html(out, headers[i]);
		text_add(out, "</th>");
	}
	text_add(out, "</tr></thead><tbody>\n");
}

void page_row_begin(struct text_buf *out)
{
	text_add(out, "<tr>");
}

void page_cell(struct text_buf *out, const char *text, int number)
{
	char shown[TEXT_NUMBER_MAX];

	if (number) {
		text_add(out, "<td class=\"n\" data-v=\"");
		text_add_html(out, text);
		text_add(out, "\">");
		text_add_html(out, page_number(text, shown));
	} else {
		text_add(out, strlen(text) > 40 ? "<td class=\"t\">" : "<td>");
		text_add_html(out, text);
	}
	text_add(out, "</td>");
}

void page_cell_link(struct text_buf *out, const char *href, const char *text)
{
	text_add(out, "<td><a href=\"");
	text_add_html(out, href);
	text_add(out, "\">");
	text_add_html(out, text);
	text_add(out, "</a></td>");
}

void page_row_end(struct text_buf *out)
{
	text_add(out, "</tr>\n");
}

void page_table_end(struct text_buf *out)
{
	text_add(out, "</tbody></table></div>\n");
}

const char *page_number(const char *text, char out[TEXT_NUMBER_MAX])
{
	double value;

	if (!text_to_double(text, &value))
		return "-";
	snprintf(out, TEXT_NUMBER_MAX, "%.5g", value);
	return out;
}
