/** An entry is four words of id hash and one of payload hash. */
export const ENTRY_WORDS = 5
const EMPTY = -1
/** More than a table has entries; a word times this is still exact in a double. */
const PLACES = 2 ** 20

/** A hash table of ids in typed arrays (open addressing, linear probing): a Set of strings costs three times as much. */
export class IdTable {
  private readonly entries: Uint32Array
  private readonly slots: Int32Array
  private readonly mask: number
  size = 0
  /** Arrival of the newest id, ms. */
  newestMs = 0

  /** Holds `capacity` ids at half load, and up to twice that. */
  constructor(capacity: number) {
    const slots = 2 ** Math.ceil(Math.log2(capacity * 4))
    this.slots = new Int32Array(slots).fill(EMPTY)
    this.mask = slots - 1
    // A batch may run over the capacity before the table is saved.
    this.entries = new Uint32Array(capacity * 2 * ENTRY_WORDS)
  }

  get isCrowded(): boolean {
    return (this.size + 1) * ENTRY_WORDS > this.entries.length
  }

  /** The payload hash of an id, or undefined. */
  find(id: Uint32Array): number | undefined {
    const { entries, slots, mask } = this
    for (let slot = (id[0] as number) & mask; ; slot = (slot + 1) & mask) {
      const at = slots[slot] as number
      if (at === EMPTY) return undefined
      if (entries[at] === id[0] && entries[at + 1] === id[1] && entries[at + 2] === id[2] && entries[at + 3] === id[3])
        return entries[at + 4]
    }
  }

  add(id: Uint32Array, payload: number, arrivalMs: number): void {
    if (this.isCrowded) throw new Error(`id table over its bound of ${this.size}: the caller saves it before`)
    const at = this.size++ * ENTRY_WORDS
    this.entries.set(id, at)
    this.entries[at + 4] = payload
    if (arrivalMs > this.newestMs) this.newestMs = arrivalMs
    let slot = (id[0] as number) & this.mask
    while (this.slots[slot] !== EMPTY) slot = (slot + 1) & this.mask
    this.slots[slot] = at
  }

  /** The entries sorted by id, in an array of their own. */
  sorted(): Uint32Array {
    const { entries, size } = this
    // The first word and the place in one double: the runtime sorts those ten times faster than by a function.
    const order = Float64Array.from(
      { length: size },
      (_, i) => (entries[i * ENTRY_WORDS] as number) * PLACES + i,
    ).sort()
    const out = new Uint32Array(size * ENTRY_WORDS)
    for (let i = 0; i < size; i++) {
      const from = ((order[i] as number) % PLACES) * ENTRY_WORDS
      let to = i * ENTRY_WORDS
      // Ids that share their first word, one pair in a few tables, are put in order one by one.
      for (; to > 0 && compareIds(out, to - ENTRY_WORDS, entries, from) > 0; to -= ENTRY_WORDS) {
        out.copyWithin(to, to - ENTRY_WORDS, to)
      }
      out.set(entries.subarray(from, from + ENTRY_WORDS), to)
    }
    return out
  }
}

/** Compares two entries by their id. */
export function compareIds(a: Uint32Array, at: number, b: Uint32Array, bt: number): number {
  for (let i = 0; i < 4; i++) {
    const difference = (a[at + i] as number) - (b[bt + i] as number)
    if (difference !== 0) return difference
  }
  return 0
}
