// The virtual grid: a list as long as it likes, of which only what is on the screen is in the page. It scrolls with the
// window, so that the address bar of a phone goes away and the browser's own keys work.

import { type Signal, useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import type { LongList } from "../api/list";
import { isCalm } from "../app/idle";
import { type Shape, shapeOf, stepOf, windowOf } from "./grid";

/** For what stands beside a grid: where it is, and the way to another place. */
export interface GridHandle {
  /** The first item on the screen. */
  first: Signal<number>;
  /** Has this item come to the top. */
  target: Signal<number | null>;
}

export function useGridHandle(): GridHandle {
  return { first: useSignal(0), target: useSignal<number | null>(null) };
}

interface Props<T> {
  list: LongList<T>;
  label: string;
  /** At least so wide is a cell, in pixels. */
  least: number;
  /** What stands under each square, in pixels. */
  below: number;
  /** `pixels`: as wide as the cell is. */
  cell: (item: T | undefined, index: number, pixels: number) => ComponentChildren;
  handle?: GridHandle;
}

/** Rows beyond the edges that are drawn too, once those that are seen stand for the first time. */
const OVERSCAN_ROWS = 2;
/** Until it is known how many there are, so many rows of shapes are shown. */
const SHAPE_ROWS = 4;
/** What the bar at the top of the page hides. */
const TOP_BAR = 76;

export function VirtualGrid<T>({ list, label, least, below, cell, handle }: Props<T>) {
  const box = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(0);
  const [seen, setSeen] = useState<[number, number]>([0, 0]);
  const gap = width < 600 ? 14 : 22;
  const shape = shapeOf(Math.max(1, width), width < 600 ? Math.min(least, 150) : least, gap, below);
  const known = list.total.value;
  const total = known ?? (list.error.value ? 0 : SHAPE_ROWS * shape.columns);
  const isKnown = known !== undefined;
  const overscan = isCalm.value ? OVERSCAN_ROWS : 0;
  // Read, so that an answer draws the grid again.
  void list.version.value;

  useLayoutEffect(() => {
    const element = box.current;
    if (!element) return;
    const measure = () => {
      const place = element.getBoundingClientRect();
      setWidth(element.clientWidth);
      const [top, bottom] = [-place.top, window.innerHeight - place.top];
      setSeen((before) => (before[0] === top && before[1] === bottom ? before : [top, bottom]));
    };
    measure();
    const watch = new ResizeObserver(measure);
    watch.observe(element);
    addEventListener("scroll", measure, { passive: true });
    addEventListener("resize", measure);
    return () => {
      watch.disconnect();
      removeEventListener("scroll", measure);
      removeEventListener("resize", measure);
    };
  }, []);

  const [from, to] = width === 0 ? [0, 0] : windowOf(shape, total, seen[0], seen[1], overscan);
  useEffect(() => {
    if (width > 0) list.show(from, Math.max(to, from + shape.columns * 4));
  }, [list, from, to, width, total]);

  const firstSeen = Math.min(total, Math.max(0, Math.round((seen[0] + TOP_BAR) / shape.rowHeight)) * shape.columns);
  useEffect(() => {
    if (handle) handle.first.value = firstSeen;
  }, [handle, firstSeen]);
  const target = handle?.target.value ?? null;
  useEffect(() => {
    if (!handle || target === null || !box.current) return;
    handle.target.value = null;
    const top = box.current.getBoundingClientRect().top + Math.floor(target / shape.columns) * shape.rowHeight;
    window.scrollBy(0, top - TOP_BAR);
  }, [handle, target]);

  const height = Math.max(0, Math.ceil(total / shape.columns) * shape.rowHeight - gap);
  const cells = [];
  for (let index = from; isKnown && index < to; index += 1) {
    const [row, column] = [Math.floor(index / shape.columns), index % shape.columns];
    const place = `translate(${column * (shape.width + gap)}px, ${row * shape.rowHeight}px)`;
    cells.push(
      <div
        key={index}
        class="grid-cell"
        role="listitem"
        aria-setsize={total}
        aria-posinset={index + 1}
        data-index={index}
        style={{ transform: place, width: `${shape.width}px` }}
      >
        {cell(list.at(index), index, shape.width)}
      </div>,
    );
  }

  return (
    <div
      ref={box}
      class="grid"
      role="list"
      aria-label={label}
      style={{ height: `${height}px` }}
      onKeyDown={(event) => moveFocus(event, box.current, shape.columns, total, shape.rowHeight)}
    >
      {!isKnown && total > 0 && <Shapes shape={shape} gap={gap} />}
      {cells}
    </div>
  );
}

/** The squares that are on their way, as one background: a grid of elements would be drawn only to be thrown away. */
function Shapes({ shape, gap }: { shape: Shape; gap: number }) {
  const sizes = { "--cell": `${shape.width}px`, "--column": `${shape.width + gap}px`, "--row": `${shape.rowHeight}px` };
  return <div class="grid-shapes skeleton" aria-hidden="true" style={sizes} />;
}

/** Arrow keys go from cover to cover, also to those that are not in the page yet. */
function moveFocus(event: KeyboardEvent, box: HTMLElement | null, columns: number, total: number, rowHeight: number): void {
  const target = event.target as HTMLElement;
  if (!box || event.altKey || event.ctrlKey || event.metaKey || !target.matches(".tile-link")) return;
  const index = Number(target.closest<HTMLElement>(".grid-cell")?.dataset.index);
  const next = stepOf(event.key, index, columns, total);
  if (next === index || Number.isNaN(next)) return;
  event.preventDefault();
  const top = box.getBoundingClientRect().top + Math.floor(next / columns) * rowHeight;
  if (top < 90 || top + rowHeight > window.innerHeight - 120) window.scrollBy(0, top - window.innerHeight / 3);
  focusWhenThere(box, next, 20);
}

function focusWhenThere(box: HTMLElement, index: number, tries: number): void {
  const link = box.querySelector<HTMLElement>(`[data-index="${index}"] .tile-link`);
  if (link) link.focus({ preventScroll: true });
  else if (tries > 0) requestAnimationFrame(() => focusWhenThere(box, index, tries - 1));
}
