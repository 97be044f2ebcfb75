import { createInterface } from 'node:readline/promises'
import { UsageError } from './usage-error.ts'

/** Asks at a terminal; a {@link UsageError} where there is none. `command`: who asks. */
export async function confirmed(question: string, command: string): Promise<boolean> {
  if (!process.stdin.isTTY) throw new UsageError(`${command} asks first; without a terminal, add --yes.`)
  const terminal = createInterface({ input: process.stdin, output: process.stderr })
  try {
    return /^y(es)?$/i.test((await terminal.question(question)).trim())
  } finally {
    terminal.close()
  }
}
