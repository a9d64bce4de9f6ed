// Rows kept in doubly linked lists, one per cell (a region or a shard), in typed arrays: the
// sequential rules move members in constant time, however large the network is.

const NONE = -1;

export interface Lists {
  readonly head: Int32Array;
  readonly next: Int32Array;
  readonly previous: Int32Array;
  /** The cell of each row, -1 when it is in none. */
  readonly cell: Int32Array;
  readonly size: Uint32Array;
}

export function createLists(cells: number, rows: number): Lists {
  return {
    head: new Int32Array(cells).fill(NONE),
    next: new Int32Array(rows).fill(NONE),
    previous: new Int32Array(rows).fill(NONE),
    cell: new Int32Array(rows).fill(NONE),
    size: new Uint32Array(cells),
  };
}

function unlink(lists: Lists, row: number): void {
  const cell = lists.cell[row]!;
  if (cell === NONE) return;
  const next = lists.next[row]!;
  const previous = lists.previous[row]!;
  if (previous === NONE) lists.head[cell] = next;
  else lists.next[previous] = next;
  if (next !== NONE) lists.previous[next] = previous;
  lists.size[cell]! -= 1;
}

/** Puts `row` into `cell`, out of the one it was in. */
export function moveTo(lists: Lists, row: number, cell: number): void {
  unlink(lists, row);
  const head = lists.head[cell]!;
  lists.next[row] = head;
  lists.previous[row] = NONE;
  if (head !== NONE) lists.previous[head] = row;
  lists.head[cell] = row;
  lists.cell[row] = cell;
  lists.size[cell]! += 1;
}

/** The rows of `cell`, ascending. */
export function rowsOf(lists: Lists, cell: number): Uint32Array {
  const rows = new Uint32Array(lists.size[cell]!);
  let at = 0;
  for (let row = lists.head[cell]!; row !== NONE; row = lists.next[row]!) rows[at++] = row;
  return rows.sort();
}
