/** What `tidemark check --registry` does, apart from its arguments and its exit: which schemas to check, and how it is told. */
import {
  checkRegistered,
  describeVerdict,
  type RegisteredSchema,
  type SchemaVerdict,
  type VersionAnswer,
} from '../../src/contract/index.ts'
import type { FormatSpec, SourceSpec } from '../../src/engine/index.ts'

/** A subject of a registry whose newest schema a source must be able to take. */
export interface SubjectCheck {
  readonly source: SourceSpec
  readonly subject: string
  /** The registry's name in the format. */
  readonly registry: string
  readonly envelope: 'debezium' | undefined
}

/** What came of a check; `verdict` is absent when there was no schema to look at. */
export interface CheckResult {
  readonly source: string
  readonly subject: string
  readonly version?: number
  readonly id?: number
  readonly verdict?: SchemaVerdict
  readonly problem?: string
}

/**
 * The subjects to check: of every Kafka topic in Avro its `TOPIC-value`, unless `subjects` has another for the source. A
 * source that `subjects` names is checked in any case.
 */
export function subjectChecks(sources: readonly SourceSpec[], subjects: ReadonlyMap<string, string>): SubjectCheck[] {
  return sources.flatMap((source) => {
    const given = subjects.get(source.name)
    const topics = source.from.flatMap((intake) => {
      const registry = intake.kind === 'kafka' ? registryOf(intake.format) : undefined
      return intake.kind === 'kafka' && registry !== undefined ? [{ intake, registry }] : []
    })
    if (topics.length === 0) {
      return given === undefined ? [] : [{ source, subject: given, registry: 'default', envelope: envelopeOf(source) }]
    }
    const checks = topics.map(({ intake, registry }) => {
      const envelope = intake.format.kind === 'debezium' ? ('debezium' as const) : undefined
      return { source, subject: given ?? `${intake.topic}-value`, registry, envelope }
    })
    return given === undefined ? checks : checks.slice(0, 1)
  })
}

function registryOf(format: FormatSpec): string | undefined {
  if (format.kind === 'avro') return format.registry
  return format.kind === 'debezium' && format.value.kind === 'avro' ? format.value.registry : undefined
}

/** Whether records of a source come in Debezium's envelopes. */
export function envelopeOf({ from }: SourceSpec): 'debezium' | undefined {
  return from.some(({ format }) => format?.kind === 'debezium') ? 'debezium' : undefined
}

export async function checkSubject(
  { source, subject, envelope }: SubjectCheck,
  latest: (subject: string) => Promise<VersionAnswer>,
): Promise<CheckResult> {
  const answer = await latest(subject)
  if (answer.kind !== 'version') return { source: source.name, subject, problem: answer.message }
  const { version, id, schema } = answer
  return { source: source.name, subject, version, id, verdict: checkRegistered(source, schema, envelope) }
}

/** The check of a schema in a file; `.json` is JSON Schema, everything else Avro. */
export function checkFile(source: SourceSpec, file: string, text: string): CheckResult {
  const schema: RegisteredSchema = {
    schemaType: file.endsWith('.json') ? 'JSON' : 'AVRO',
    schema: text,
    references: [],
  }
  return { source: source.name, subject: file, verdict: checkRegistered(source, schema, envelopeOf(source)) }
}

/** 0: all are compatible. 1: one is not. 2: none is incompatible, but one could not be looked at. */
export function exitCodeOf(results: readonly CheckResult[]): number {
  const isWrong = results.some(({ verdict }) => verdict !== undefined && verdict.kind !== 'compatible')
  if (isWrong) return 1
  return results.some(({ problem }) => problem !== undefined) ? 2 : 0
}

/** A line a schema, then what there is to say of those that are not simply compatible. */
export function report(results: readonly CheckResult[]): string {
  const rows = results.map(({ source, subject, version, verdict }) => [
    source,
    subject,
    version === undefined ? '-' : String(version),
    verdict?.kind ?? 'not checked',
  ])
  const details = results.flatMap((result) => {
    if (result.problem !== undefined) return [`${result.source}: ${result.problem}`]
    const { verdict } = result
    const isPlain = verdict === undefined || (verdict.kind === 'compatible' && verdict.notes.length === 0)
    return isPlain ? [] : [describeVerdict(result, verdict)]
  })
  return [table([['SOURCE', 'SCHEMA', 'VERSION', 'VERDICT'], ...rows]), ...details].join('\n\n')
}

function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  return rows
    .map((row) =>
      row
        .map((cell, i) => cell.padEnd(widths[i] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}
