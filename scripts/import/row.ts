/** What readers of files give, and what goes wrong with files. */

/** One row of a file as an event, and what its import says of it. */
export interface ImportRow {
  /** Its line in a text, the header being the first; of Parquet its number, from 1. */
  readonly line: number
  /** The event, JSON. */
  readonly text: string
  /** From when on it could be known, ms; null where the import names no rule. */
  readonly knownAt: number | null
  /** What tells it from others, where the file says so. */
  readonly id?: string
  /** What is wrong with the row itself, which is then sent as the text that it is and refused as no event. */
  readonly problem?: string
}

/** A file that cannot be read on: the message names it, and the row where one is to blame. */
export class FileError extends Error {}

/** Rows together, for readers do not wait for each. */
export type Rows = readonly ImportRow[]

/** A file that is ready to be read. */
export interface OpenFile {
  /** Names of its columns; undefined where only rows know. */
  readonly columns: readonly string[] | undefined
  /** Rows behind a line, in the order of the file. Throws a {@link FileError}. */
  rows(afterLine: number): AsyncIterable<Rows>
  /** How much of it has been read, from 0 to 1. */
  readonly share: number
}
