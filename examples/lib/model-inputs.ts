/** What a model asks for and makes of it: shared by the Worker that serves it and the script that trains it. */
export type Values = Readonly<Record<string, unknown>>

export interface ModelInputs {
  /** The feature service that its vectors come from. */
  readonly service: string
  /** The keys of its entities. */
  readonly keys: readonly string[]
  /** What else a request tells, and a label has as columns. */
  readonly columns: readonly string[]
  /** Names of the numbers that the model takes, in their order. */
  readonly inputs: readonly string[]
  /** Those of them that are numbers of categories. */
  readonly categories: readonly string[]
  /**
   * The numbers, NaN for what is not there.
   *
   * @param columns of the request, or of the label
   * @param features the vector, by feature name
   * @param atMs the time of the request, or of the label
   */
  readonly values: (columns: Values, features: Values, atMs: number) => readonly number[]
}

/** A feature as a number: NaN for null and for what is no number; a decimal comes as its digits. */
export function numberOf(value: unknown): number {
  if (typeof value === 'number') return value
  if (typeof value === 'bigint') return Number(value)
  if (typeof value === 'boolean') return value ? 1 : 0
  return typeof value === 'string' && value !== '' ? Number(value) : Number.NaN
}

/** A feature by groups (`.by`): a lookup gives an object, a set its text. */
export function groupsOf(value: unknown): Readonly<Record<string, number>> {
  const groups = typeof value === 'string' ? JSON.parse(value) : (value ?? {})
  return groups as Readonly<Record<string, number>>
}
