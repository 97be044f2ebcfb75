/** What is done when a person, or the system, breaks a command off: Ctrl-C, a closed terminal, a cancelled run. */

const SIGNALS = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 } as const
type Signal = keyof typeof SIGNALS

const tasks: (() => void)[] = []

/**
 * Has something done before the process ends by a signal, the newest first; it may not wait for anything. Gives what takes that back.
 *
 * @example const done = onInterrupt(() => rmSync(folder, { recursive: true, force: true }))
 */
export function onInterrupt(task: () => void): () => void {
  if (tasks.length === 0) for (const signal of Object.keys(SIGNALS)) process.on(signal, end)
  tasks.push(task)
  return () => {
    const at = tasks.indexOf(task)
    if (at >= 0) tasks.splice(at, 1)
    if (tasks.length === 0) for (const signal of Object.keys(SIGNALS)) process.off(signal, end)
  }
}

function end(signal: Signal): void {
  for (const task of tasks.toReversed()) {
    try {
      task()
    } catch (error) {
      console.error(error instanceof Error ? error.message : String(error))
    }
  }
  // As a shell tells that a signal ended a command.
  process.exit(128 + SIGNALS[signal])
}
