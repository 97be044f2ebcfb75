/** A deployment's plan for people at a terminal, at most 100 columns wide. */
import { type Paint, wrap } from '../lib/terminal.ts'
import type { DeployPlan } from './plan.ts'
import type { Before } from './run.ts'

const WIDTH = 100
const LABEL = 12

/** What is known of Cloudflare; `unseen`: why nothing is. */
export type Seen = Before | { readonly unseen: string }

export function planText(plan: DeployPlan, seen: Seen, { bold, dim, warn }: Paint): string {
  const { region, environment, workers, shards, epoch, stores, others } = plan
  const widest = Math.max(...workers.map(({ name }) => name.length))
  const lines = [
    `${bold(`Region ${region}`)} ${dim(`of ${environment}, epoch ${epoch}, plan ${plan.plan}`)}`,
    '',
    dim('Workers, in this order'),
    ...workers.flatMap(({ name, gzipBytes, budgetKiB, bindings, durableObjects, crons }) => {
      const kiB = gzipBytes / 1024
      const size = `${kiB.toFixed(1).padStart(7)} KiB of ${budgetKiB}`
      const line = `  ${bold(name.padEnd(widest))} ${kiB > budgetKiB ? warn(size) : size}${versionText(name, seen)}`
      return [
        line,
        ...labelled('bindings', bindings.join(', '), dim),
        ...(durableObjects.length > 0 ? labelled('objects', durableObjects.join(', '), dim) : []),
        ...(crons.length > 0 ? labelled('crons', crons.join(', '), dim) : []),
      ]
    }),
    '',
    ...labelled('shards', shards.map(({ name, shards: count }) => `${name} ${count}`).join(', '), undefined, 2),
    ...labelled('stores', storesText(plan, seen) || 'none', undefined, 2),
    ...labelled('log', plan.bucket === null ? 'none' : `R2 bucket ${plan.bucket}`, undefined, 2),
    ...labelled('secrets', secretsText(plan, seen), undefined, 2),
    ...(others.length > 0 ? labelled('regions', regionsText(plan, seen), undefined, 2) : []),
  ]
  if (stores.length === 0 && others.length > 0)
    lines.push(
      ...labelled('note', 'without a store of its own, a region reads other regions over their oceans', dim, 2),
    )
  return lines.join('\n')
}

function labelled(
  label: string,
  text: string,
  mark: (text: string) => string = (plain) => plain,
  indent = 4,
): string[] {
  const left = ' '.repeat(indent)
  const rest = ' '.repeat(indent + LABEL)
  return wrap(text, WIDTH - indent - LABEL).map((line, i) =>
    mark(`${i === 0 ? left + label.padEnd(LABEL) : rest}${line}`),
  )
}

function versionText(name: string, seen: Seen): string {
  if ('unseen' in seen) return ''
  const version = seen.versions.get(name)
  return version === null || version === undefined ? '  new' : `  replaces ${version}`
}

function storesText({ stores }: DeployPlan, seen: Seen): string {
  return stores
    .map(({ name, kind }) => {
      const steps = 'unseen' in seen ? undefined : seen.pending.get(name)
      return `${name} (${kind}${steps && steps.length > 0 ? `, migrates: ${steps.join(', ')}` : ''})`
    })
    .join(', ')
}

function secretsText({ workers }: DeployPlan, seen: Seen): string {
  const needed = [...new Set(workers.flatMap(({ secrets }) => secrets))]
  if ('unseen' in seen) return `${needed.join(', ')} (${seen.unseen})`
  return needed
    .map((secret) => {
      const without = workers.filter(({ name }) => seen.missing.get(name)?.includes(secret)).map(({ name }) => name)
      return without.length === 0 ? `${secret} is set` : `${secret} is set with the upload of ${without.join(', ')}`
    })
    .join('; ')
}

function regionsText({ region, others }: DeployPlan, seen: Seen): string {
  const list = others.join(', ')
  if ('unseen' in seen) return `${list}; if ${region} is new or its stores have changed, deploy them after it`
  const absent = seen.absentRegions
  const parts = [list]
  if ([...seen.versions.values()][0] === null) parts.push(`${region} is new: deploy them after it`)
  if (absent.length > 0)
    parts.push(
      `not there yet: ${absent.join(', ')}; bindings to them are left out, so deploy ${region} again after them`,
    )
  return parts.join('; ')
}

/** Problems, one under the other. */
export const problemsText = (problems: readonly string[], { warn }: Paint): string =>
  problems
    .map((problem) =>
      wrap(problem, WIDTH - 4)
        .map((line, i) => (i === 0 ? `${warn('  ! ')}${line}` : `    ${line}`))
        .join('\n'),
    )
    .join('\n')
