#include "reports/page.h"

#include <stdio.h>

static const char style[] =
	":root{--ink:#111827;--soft:#6b7280;--line:#e5e7eb;--paper:#fff;--accent:#3b82f6;--bad:#9ca3af;--box:#f9fafb}\n"
	"@media (prefers-color-scheme:dark){:root{--ink:#e5e7eb;--soft:#9ca3af;--line:#374151;--paper:#111827;--accent:#60a5fa;--bad:#6b7280;--box:#1f2937}}\n"
	"body{font:15px/1.5 Inter,\"Helvetica Neue\",Arial,sans-serif;color:var(--ink);background:var(--paper);max-width:62rem;margin:2rem auto;padding:0 1rem}\n"
	"h1{font-size:1.4rem;margin:0}h2{font-size:1.05rem;margin:2.2rem 0 .2rem}p.sub{color:var(--soft);margin:.1rem 0 1rem}\n"
	".figures{display:flex;flex-wrap:wrap;gap:1rem;margin:1rem 0}.figure{background:var(--box);border-radius:.5rem;padding:.7rem 1rem;min-width:9rem}\n"
	".figure b{display:block;font-size:1.25rem;font-variant-numeric:tabular-nums}.figure span{color:var(--soft);font-size:.85rem}\n"
	".wrap{overflow-x:auto}table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}\n"
	"th{cursor:pointer;text-align:left;border-bottom:1px solid var(--line);font-weight:600;font-size:.85rem;color:var(--soft)}\n"
	"th,td{padding:.3rem .7rem .3rem 0;vertical-align:top}td{border-bottom:1px solid var(--line);overflow-wrap:anywhere}\n"
	"td.n,th.n{text-align:right}.track{display:block;position:relative;height:.7rem;min-width:10rem}.track i{position:absolute;top:0;bottom:0;background:var(--accent)}\n"
	".track i.low{background:var(--bad)}.track u{position:absolute;top:45%;height:1px;background:var(--ink)}.track s{position:absolute;top:-.15rem;bottom:-.15rem;width:1px;background:var(--soft)}\n"
	"code{font-size:.9em}@media print{body{max-width:none;margin:0}th{cursor:auto}}\n";

static const char script[] =
	"document.querySelectorAll('table').forEach(t=>{const h=[...t.tHead.rows[0].cells];h.forEach((c,i)=>{c.tabIndex=0;let up=false;"
	"const go=()=>{up=!up;const n=c.classList.contains('n');const v=r=>{const x=r.cells[i].dataset.v??r.cells[i].textContent;return n?(x===''||x==='-'?-Infinity:+x):x};"
	"[...t.tBodies[0].rows].sort((a,b)=>{const x=v(a),y=v(b);return(x<y?-1:x>y?1:0)*(up?1:-1)}).forEach(r=>t.tBodies[0].append(r));"
	"h.forEach(o=>o.removeAttribute('aria-sort'));c.setAttribute('aria-sort',up?'ascending':'descending')};"
	"c.onclick=go;c.onkeydown=e=>{if(e.key==='Enter')go()}})})";

void page_begin(struct text_buf *out, const char *title, const char *subtitle)
{
	text_add(out, "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
	              "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:\">\n<title>");
	text_add_html(out, title);
	text_add(out, "</title><style>\n");
	text_add(out, style);
	text_add(out, "</style></head><body>\n<h1>");
	text_add_html(out, title);
	text_add(out, "</h1><p class=\"sub\">");
	text_add_html(out, subtitle);
	text_add(out, "</p>\n");
}

void page_end(struct text_buf *out)
{
	text_addf(out, "<script>%s</script>\n</body></html>\n", script);
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
	text_add(out, "</span><b>");
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
		text_add(out, "<td>");
		text_add_html(out, text);
	}
	text_add(out, "</td>");
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
