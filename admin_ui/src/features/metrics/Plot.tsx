import { useEffect, useRef } from 'react';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { formatTime, type DateFormat } from '../../lib/format';
import { lonely, tickOf, type ChartData } from './charts';

interface PlotProps {
  times: readonly number[];
  chart: ChartData;
  dates: DateFormat;
}

const HEIGHT = 200;
const COLOURS = ['--series-1', '--series-2', '--series-3', '--series-4'];
const BINARY_STEPS = Array.from({ length: 50 }, (_, power) => 2 ** power);
const DASHES = [[], [6, 3], [2, 3], [8, 3, 2, 3]];

/** The drawing itself. It follows the width of its place. */
export function Plot({ times, chart, dates }: PlotProps) {
  const place = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const element = place.current;
    if (!element) return undefined;
    const data: uPlot.AlignedData = [[...times], ...chart.series.map(({ values }) => values)];
    const plot = new uPlot(optionsOf(chart, dates, element), data, element);
    const watch = new ResizeObserver(() => plot.setSize({ width: element.clientWidth, height: HEIGHT }));
    watch.observe(element);
    return () => {
      watch.disconnect();
      plot.destroy();
    };
  }, [times, chart, dates]);
  return <div ref={place} className="plot" />;
}

function optionsOf({ series, format, isBinary }: ChartData, dates: DateFormat, element: HTMLElement): uPlot.Options {
  const axis = axisColours(element);
  return {
    width: element.clientWidth,
    height: HEIGHT,
    cursor: { y: false, drag: { setScale: false } },
    scales: { y: { range: (_plot, _min, max) => [0, max > 0 ? max * 1.1 : 1] } },
    axes: [
      { ...axis, values: (_plot, ticks) => ticks.map((tick) => tickOf(tick, dates)) },
      { ...axis, ...(isBinary && { incrs: BINARY_STEPS }), size: 76, values: (_plot, values) => values.map(format) },
    ],
    series: [
      { value: (_plot, time: number | null) => (time === null ? '-' : momentOf(time, dates)) },
      ...series.map((each, index) => lineOf(each.label, index, format, element)),
    ],
  };
}

function momentOf(seconds: number, dates: DateFormat): string {
  return formatTime(new Date(seconds * 1_000).toISOString(), dates, true);
}

function lineOf(label: string, index: number, format: ChartData['format'], element: HTMLElement): uPlot.Series {
  const stroke = colourOf(element, COLOURS[index % COLOURS.length] ?? '--text');
  return {
    label,
    stroke,
    dash: DASHES[index % DASHES.length] ?? [],
    width: 2,
    points: { show: true, size: 5, fill: stroke, filter: (plot, at) => lonely(plot.data[at] ?? []) },
    value: (_plot, value: number | null) => (value === null ? '-' : format(value)),
  };
}

function axisColours(element: HTMLElement): uPlot.Axis {
  const line = { stroke: colourOf(element, '--line'), width: 1 };
  return { stroke: colourOf(element, '--muted'), grid: line, ticks: line };
}

/** Return a custom property as a colour that a canvas understands: only the browser knows which theme counts. */
function colourOf(element: HTMLElement, property: string): string {
  const probe = document.createElement('span');
  probe.style.color = `var(${property})`;
  element.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}
