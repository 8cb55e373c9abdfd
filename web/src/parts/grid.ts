// The arithmetic of the virtual grid: which rows of equal cells are on the screen. Pure.

export interface Shape {
  columns: number;
  /** Of a cell, in pixels. */
  width: number;
  /** From one row to the next, in pixels. */
  rowHeight: number;
}

/** As many columns of at least `least` pixels as fit; `below`: what stands under each square. */
export function shapeOf(available: number, least: number, gap: number, below: number): Shape {
  const columns = Math.max(2, Math.floor((available + gap) / (least + gap)));
  const width = Math.max(1, (available - gap * (columns - 1)) / columns);
  return { columns, width, rowHeight: width + below + gap };
}

/** The items from (inclusive) – to (exclusive) that `top`…`bottom` shows, with some rows more on both sides. */
export function windowOf(shape: Shape, total: number, top: number, bottom: number, overscan: number): [number, number] {
  const rows = Math.ceil(total / shape.columns);
  const first = Math.min(Math.max(0, Math.floor(top / shape.rowHeight) - overscan), Math.max(0, rows - 1));
  const last = Math.min(rows, Math.max(first + 1, Math.ceil(bottom / shape.rowHeight) + overscan));
  return [first * shape.columns, Math.min(total, last * shape.columns)];
}

/** Where an arrow key leads from a cell; the same cell at the edges. */
export function stepOf(key: string, index: number, columns: number, total: number): number {
  const steps: Record<string, number> = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns };
  if (key === "Home") return 0;
  if (key === "End") return total - 1;
  const next = index + (steps[key] ?? 0);
  return next < 0 || next >= total ? index : next;
}
