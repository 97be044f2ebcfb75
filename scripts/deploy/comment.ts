/**
 * `node scripts/deploy/comment.ts PLAN.json ...`: what dry runs printed with --json, as Markdown for a pull request. Exit codes: 0
 * done, 2 no file was named or one is no plan.
 */
import { readFileSync } from 'node:fs'
import type { DeployPlan } from './plan.ts'

interface Report {
  readonly plan: DeployPlan | null
  readonly problems: readonly string[]
}

if (import.meta.main) {
  const files = process.argv.slice(2)
  try {
    if (files.length === 0) throw new Error('name the files of plans: node scripts/deploy/comment.ts plans/*.json')
    console.log(
      comment(files.map((file) => ({ name: nameOf(file), ...(JSON.parse(readFileSync(file, 'utf8')) as Report) }))),
    )
  } catch (error) {
    console.error(`comment: ${error instanceof Error ? error.message : String(error)}`)
    process.exitCode = 2
  }
}

/** The plans of regions, one under the other. */
export function comment(reports: readonly (Report & { readonly name: string })[]): string {
  const wrong = reports.filter(({ problems }) => problems.length > 0).map(({ name }) => name)
  const summary =
    wrong.length === 0
      ? `A merge deploys ${reports.map(({ name }) => `\`${name}\``).join(', ')}.`
      : `Something is wrong with ${wrong.map((name) => `\`${name}\``).join(', ')}.`
  return ['### Tidemark: what would be deployed', '', summary, '', ...reports.flatMap(section)].join('\n').trimEnd()
}

function section({ name, plan, problems }: Report & { readonly name: string }): string[] {
  const lines = [`#### ${name}`, '']
  for (const problem of problems) lines.push(`- :warning: ${escaped(problem)}`)
  if (problems.length > 0) lines.push('')
  if (plan === null) return lines
  const { workers, shards, stores, others, environment } = plan
  lines.push('| Worker | KiB | budget |', '|---|---:|---:|')
  for (const { name: worker, gzipBytes, budgetKiB } of workers)
    lines.push(`| \`${worker}\` | ${(gzipBytes / 1024).toFixed(1)} | ${budgetKiB} |`)
  const facts = [
    `plan \`${plan.plan}\``,
    `environment ${environment}`,
    `shards: ${shards.map(({ name: of, shards: count }) => `${of} ${count}`).join(', ')}`,
    `stores: ${stores.map(({ name: store, kind }) => `${store} (${kind})`).join(', ') || 'none'}`,
    ...(others.length > 0 ? [`other regions: ${others.join(', ')}`] : []),
  ]
  return [...lines, '', facts.map(escaped).join(' · '), '']
}

/** A problem may quote what somebody wrote: it must not become a mention, a link or a table. */
const escaped = (text: string): string =>
  text.replaceAll(/[\\<>|*_[\]@#]/g, (sign) => `\\${sign}`).replaceAll(/\s+/g, ' ')

const nameOf = (file: string): string => file.replace(/^.*\//, '').replace(/\.json$/, '')
