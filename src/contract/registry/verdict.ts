/** A field of a source that the records of a writer would not fit. */
export interface SchemaMismatch {
  readonly field: string
  /** What the contract takes. */
  readonly expected: string
  /** What the writer's schema has. */
  readonly found: string
  /** How to mend it. */
  readonly mend: string
}

/** Whether records of a writer's schema can be taken by a source. */
export type SchemaVerdict =
  /** Every value of the schema has the type that its field wants; `notes` say what is worth knowing. */
  | { readonly kind: 'compatible'; readonly notes: readonly string[] }
  | { readonly kind: 'incompatible'; readonly mismatches: readonly SchemaMismatch[]; readonly notes: readonly string[] }
  /** It cannot be read as a schema of records. */
  | { readonly kind: 'unreadable'; readonly problem: string }

/** Gathers what a check finds. */
export class Findings {
  private readonly mismatches: SchemaMismatch[] = []
  private readonly notes: string[] = []

  mismatch(field: string, expected: string, found: string, mend: string): void {
    this.mismatches.push({ field, expected, found, mend })
  }

  note(text: string): void {
    this.notes.push(text)
  }

  get verdict(): SchemaVerdict {
    const { mismatches, notes } = this
    return mismatches.length === 0 ? { kind: 'compatible', notes } : { kind: 'incompatible', mismatches, notes }
  }
}

/** Of which schema and source a verdict speaks. */
export interface VerdictSubject {
  readonly source: string
  readonly subject?: string
  readonly version?: number
  readonly id?: number
}

/**
 * A verdict as lines for a person: which source and which schema, then each field with what the contract has, what the
 * schema has, and what to do.
 *
 * @example
 * describeVerdict({ source: 'orders', subject: 'orders-value', version: 2 }, verdict)
 * // source orders, schema orders-value version 2: incompatible
 * //   amount: the contract has decimal(2), the schema has string. Write it as a number, or ...
 */
export function describeVerdict(of: VerdictSubject, verdict: SchemaVerdict): string {
  const head = `source ${of.source}, schema ${schemaName(of)}: `
  if (verdict.kind === 'unreadable') return `${head}cannot be read: ${verdict.problem}.`
  const lines = verdict.notes.map((note) => `  note: ${note}.`)
  if (verdict.kind === 'compatible') return [`${head}compatible`, ...lines].join('\n')
  const problems = verdict.mismatches.map(
    ({ field, expected, found, mend }) => `  ${field}: the contract has ${expected}, the schema has ${found}. ${mend}.`,
  )
  return [`${head}incompatible`, ...problems, ...lines].join('\n')
}

function schemaName({ subject, version, id }: VerdictSubject): string {
  const parts = [
    subject,
    version === undefined ? undefined : `version ${version}`,
    id === undefined ? undefined : `id ${id}`,
  ]
  return parts.filter((part) => part !== undefined).join(' ') || 'given'
}
