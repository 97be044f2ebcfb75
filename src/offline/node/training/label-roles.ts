import { didYouMean } from '../../../util/did-you-mean.ts'
import { OfflineError } from '../offline-error.ts'
import type { LabelRoles } from './asked.ts'
import type { LabelColumn } from './label-file.ts'

const TIME = 'at'
const COMMITS = 'commits'
const REGION = 'region'

/** Columns that are read as texts where a file has no types: keys, the time, and what else is ours to read. */
export function textColumns(keys: readonly string[], given: Readonly<Record<string, string>>): string[] {
  return [...keys, TIME, COMMITS, REGION].map((role) => given[role] ?? role)
}

/**
 * Which columns of the labels are what: by their own names (`at`, `commits`, those of the keys), or as `given` says. A region
 * is only read from a column that is given. Throws an {@link OfflineError} for one that is not there.
 */
export function rolesOf(
  file: string,
  columns: readonly LabelColumn[],
  keys: readonly string[],
  given: Readonly<Record<string, string>>,
): LabelRoles {
  const names = columns.map(({ name }) => name)
  const unknown = Object.keys(given).find((role) => ![...keys, TIME, COMMITS, REGION].includes(role))
  if (unknown !== undefined)
    throw new OfflineError(
      `--columns ${unknown}=${given[unknown]}: there is no ${unknown} to name.${didYouMean(unknown, [...keys, TIME, COMMITS, REGION])}`,
    )
  const find = (role: string, what: string): string => {
    const name = given[role] ?? role
    if (names.includes(name)) return name
    const mend = `Name the column that has it with --columns ${role}=COLUMN.`
    throw new OfflineError(`labels: ${file} has no column ${name} for ${what}.${didYouMean(name, names)} ${mend}`)
  }
  const commits = given[COMMITS] === undefined && !names.includes(COMMITS) ? null : find(COMMITS, 'the commits')
  return {
    keys: new Map(keys.map((key) => [key, find(key, `the key ${key}`)])),
    time: find(TIME, 'the time of the label'),
    commits,
    region: given[REGION] === undefined ? null : find(REGION, 'the region that served'),
  }
}
