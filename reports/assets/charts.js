/*! Contains Apache ECharts and ZRender (Apache-2.0, BSD-3-Clause), bundled. */
// The interactive charts of a campaign's report. Data: the JSON element #charts (reports/charts.c).
import * as echarts from 'echarts/core';
import { BarChart, CustomChart, LineChart, ParallelChart, ScatterChart } from 'echarts/charts';
import { DataZoomComponent, GridComponent, LegendComponent, ParallelComponent, TooltipComponent, VisualMapComponent } from 'echarts/components';
import { CanvasRenderer } from 'echarts/renderers';

echarts.use([BarChart, CustomChart, LineChart, ParallelChart, ScatterChart, DataZoomComponent, GridComponent, LegendComponent, ParallelComponent,
	TooltipComponent, VisualMapComponent, CanvasRenderer]);

const island = document.getElementById('charts');
const data = island ? JSON.parse(island.textContent) : null;
const dark = matchMedia('(prefers-color-scheme: dark)');
const open = [];
let printing = false;

const number = v => v === null || v === undefined ? '-' : typeof v === 'number' ? String(+v.toPrecision(5)) : String(v);
const escaped = t => String(t).replace(/[&<>"']/g, c => `&#${c.charCodeAt(0)};`);
const cut = (t, most) => t.length > most ? `${t.slice(0, Math.ceil(most / 2) - 1)}\u2026${t.slice(-Math.floor(most / 2))}` : t;

function look() {
	const d = dark.matches && !printing;
	return {ink: d ? '#e5e7eb' : '#111827', soft: d ? '#9ca3af' : '#6b7280', line: d ? '#374151' : '#e5e7eb', paper: d ? '#111827' : '#ffffff',
		accent: d ? '#60a5fa' : '#3b82f6', pale: d ? '#475569' : '#cbd5e1', trial: d ? '#3b82f6' : '#93c5fd', best: d ? '#fb923c' : '#ea580c', low: d ? '#6b7280' : '#9ca3af'};
}

const narrow = element => element.clientWidth < 560;
const font = 'Inter, "Helvetica Neue", Arial, sans-serif';
const base = c => ({animation: false, textStyle: {fontFamily: font, color: c.ink}, backgroundColor: 'transparent'});
const tooltip = (c, formatter, more) => ({confine: true, backgroundColor: c.paper, borderColor: c.line, textStyle: {color: c.ink, fontSize: 12}, formatter, ...more});
const value_axis = (c, name, more) => ({type: 'value', scale: true, name, nameLocation: 'middle', nameTextStyle: {color: c.soft}, axisLabel: {color: c.soft, hideOverlap: true},
	axisLine: {show: false}, axisTick: {show: false}, splitLine: {lineStyle: {color: c.line}}, ...more});

function history(c, element) {
	const points = data.history, scores = points.map(p => p[1]).sort((a, b) => a - b);
	const spread = scores[Math.floor(0.9 * (scores.length - 1))] - scores[Math.floor(0.1 * (scores.length - 1))];
	// far outliers would press all others into a line: the axis keeps to what is near, and says so in the tooltip only
	const low = data.maximise ? Math.max(scores[0], scores[Math.floor(0.1 * (scores.length - 1))] - spread) : scores[0];
	const high = data.maximise ? scores[scores.length - 1] : Math.min(scores[scores.length - 1], scores[Math.floor(0.9 * (scores.length - 1))] + spread);
	const pad = (high - low || Math.abs(high) || 1) * 0.06;
	const outside = scores.filter(s => s < low - pad || s > high + pad).length, caption = element.parentElement.querySelector('figcaption');
	caption.dataset.text ??= caption.textContent;
	caption.textContent = caption.dataset.text + (outside ? `; ${outside} far worse ones are outside the chart` : '');
	return {...base(c), grid: {left: 12, right: 16, top: 28, bottom: narrow(element) ? 88 : 64, containLabel: true},
		legend: {...(narrow(element) ? {bottom: 26, left: 'center'} : {top: 0, right: 0}), textStyle: {color: c.soft}},
		tooltip: tooltip(c, p => `trial ${p.value[0]}<br>${escaped(data.metric)} ${number(p.value[1])}<br>best so far ${number(p.value[2])}`, {trigger: 'item'}),
		dataZoom: [{type: 'inside'}, {type: 'slider', height: 18, bottom: 4, borderColor: c.line, textStyle: {color: c.soft}}],
		xAxis: value_axis(c, 'trial', {nameGap: 24, minInterval: 1, splitLine: {show: false}}),
		yAxis: value_axis(c, data.metric, {nameLocation: 'end', nameGap: 12, nameTextStyle: {color: c.soft, align: 'left'}, min: low - pad, max: high + pad, axisLabel: {color: c.soft, formatter: number, showMinLabel: false, showMaxLabel: false}}),
		series: [{name: 'trial', type: 'scatter', data: points, symbolSize: points.length > 400 ? 3 : 6, itemStyle: {color: c.trial}, encode: {x: 0, y: 1}},
			{name: 'best so far', type: 'line', step: 'end', data: points.map(p => [p[0], p[2], p[2]]), symbol: 'circle', showSymbol: points.length < 2, lineStyle: {color: c.accent, width: 2}, itemStyle: {color: c.accent}}]};
}

function lofo(c, element) {
	const rows = [...data.lofo].reverse(), most = narrow(element) ? 16 : 34;
	element.style.height = `${Math.max(7, 3.5 + 1.35 * rows.length)}rem`;
	return {...base(c), grid: {left: 8, right: 20, top: 8, bottom: 40, containLabel: true},
		tooltip: tooltip(c, p => { const r = rows[p.dataIndex]; return `${escaped(r[0])}<br>gain ${number(r[1])}<br>95 % interval ${number(r[2])} to ${number(r[3])}`; }, {trigger: 'item'}),
		xAxis: value_axis(c, `gain in ${data.metric} from having it`, {scale: false, nameGap: 26}),
		yAxis: {type: 'category', data: rows.map(r => r[0]), axisLabel: {color: c.ink, interval: 0, formatter: t => cut(t, most)}, axisTick: {show: false}, axisLine: {lineStyle: {color: c.soft}}},
		series: [{type: 'bar', data: rows.map(r => ({value: r[1], itemStyle: {color: r[2] > 0 ? c.accent : r[1] > 0 ? c.pale : c.low}})), barWidth: '62%'},
			{type: 'custom', silent: true, z: 3, data: rows.map((r, i) => [i, r[2], r[3]]), encode: {x: [1, 2], y: 0}, renderItem: (p, api) => {
				const low = api.value(1), high = api.value(2);
				if (!Number.isFinite(low) || !Number.isFinite(high))
					return null;
				const a = api.coord([low, api.value(0)]), b = api.coord([high, api.value(0)]), style = {stroke: c.ink, lineWidth: 1, fill: null};
				return {type: 'group', children: [[a[0], a[1], b[0], b[1]], [a[0], a[1] - 3, a[0], a[1] + 3], [b[0], b[1] - 3, b[0], b[1] + 3]]
					.map(([x1, y1, x2, y2]) => ({type: 'line', shape: {x1, y1, x2, y2}, style}))};
			}}]};
}

function parallel(c, element) {
	const {names, rows} = data.parallel, score = names.length;
	// an axis on which all trials agree says nothing
	const shown = names.map((_, i) => i).filter(i => new Set(rows.map(r => r[i])).size > 1);
	if (!shown.length)
		return null;
	const columns = [...shown, score], lines = rows.map(r => columns.map(i => r[i] === null ? '-' : r[i]));
	const axes = columns.map((column, dim) => {
		const values = lines.map(l => l[dim]), numeric = values.every(v => typeof v === 'number');
		const axis = {dim, name: cut(column === score ? data.metric : names[column], narrow(element) ? 10 : 18), nameTextStyle: {color: c.ink, fontSize: 11}, axisLine: {lineStyle: {color: c.soft}},
			axisLabel: {color: c.ink, formatter: v => cut(number(v), 12), fontSize: 10, textBorderColor: c.paper, textBorderWidth: 3}, axisTick: {lineStyle: {color: c.soft}}};
		if (!numeric)
			return {...axis, type: 'category', data: [...new Set(values.map(String))].sort((a, b) => a - b || (a < b ? -1 : 1))};
		const low = Math.min(...values), high = Math.max(...values);
		const middle = [...values].sort((a, b) => a - b)[values.length >> 1]; // a logarithmic axis where it spreads the values better
		if (low > 0 && high / low > 50 && Math.abs(Math.log(middle / low) / Math.log(high / low) - 0.5) < Math.abs((middle - low) / (high - low) - 0.5))
			return {...axis, type: 'log', min: low, max: high};
		return {...axis, type: 'value', scale: true, min: low, max: high};
	});
	const best = lines.map(l => l[l.length - 1]), low = Math.min(...best), high = Math.max(...best), sorted = [...best].sort((a, b) => a - b), middle = sorted[sorted.length >> 1];
	const ramp = ['#440154', '#3b528b', '#21918c', '#5ec962', '#fde725'], colours = look().ink === '#111827' ? ['#d9d77a', ...ramp.slice(0, 4).reverse()] : ramp; // the best stand out on either paper
	return {...base(c), parallel: {left: 44, right: 70, top: 48, bottom: 24, parallelAxisDefault: {nameGap: 14, nameLocation: 'end'}}, parallelAxis: axes,
		visualMap: {show: false, dimension: columns.length - 1, min: data.maximise ? middle : low, max: data.maximise ? high : middle, inRange: {color: data.maximise ? colours : [...colours].reverse()}},
		series: [{type: 'parallel', data: lines.map(l => l.map((v, i) => axes[i].type === 'category' ? String(v) : v)), lineStyle: {width: lines.length > 200 ? 1 : 1.5, opacity: lines.length > 200 ? 0.35 : 0.7}, progressive: 0}]};
}

function draw() {
	const c = look();
	open.splice(0).forEach(chart => chart.dispose());
	for (const [id, make] of [['chart-lofo', lofo], ['chart-history', history], ['chart-parallel', parallel]]) {
		const element = document.getElementById(id), option = element && make(c, element);
		if (element && !option)
			element.parentElement.remove();
		if (!option)
			continue;
		const chart = echarts.init(element, null, {renderer: 'canvas'});
		chart.setOption(option);
		open.push(chart);
	}
	document.documentElement.dataset.charts = String(open.length);
}

if (data) {
	draw();
	dark.addEventListener('change', draw);
	for (const [event, now] of [['beforeprint', true], ['afterprint', false]]) // paper is light
		addEventListener(event, () => { printing = now; draw(); });
	let width = innerWidth, waiting = 0;
	addEventListener('resize', () => { if (innerWidth !== width) { width = innerWidth; clearTimeout(waiting); waiting = setTimeout(draw, 150); } });
}
