/** What an example prints: lines for people, or (`--json`) one object of all numbers. All of them are computed. */
export class Report {
  private readonly isJson: boolean
  private readonly startedMs = performance.now()
  private readonly steps: { step: string; numbers: Record<string, object> }[] = []

  constructor(isJson: boolean) {
    this.isJson = isJson
  }

  say(text: string): void {
    if (!this.isJson) console.log(text)
  }

  step(text: string): void {
    this.steps.push({ step: text, numbers: {} })
    this.say(`\n${text}`)
  }

  numbers(what: string, numbers: object): void {
    const step = this.steps.at(-1)
    if (step) step.numbers[what] = numbers
    const told = Object.entries(numbers).map(
      ([name, value]) => `${wordsOf(name)} ${typeof value === 'number' ? shown(name, value) : value}`,
    )
    this.say(`  ${what}: ${told.join(', ')}`)
  }

  end(): void {
    const seconds = Number(((performance.now() - this.startedMs) / 1_000).toFixed(1))
    if (this.isJson) console.log(JSON.stringify({ steps: this.steps, seconds }))
    else console.log(`\nDone in ${seconds} s; nothing is left running.`)
  }
}

/** `greatestDifference` as words. */
const wordsOf = (name: string): string =>
  name === 'auc'
    ? 'AUC'
    : name.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`).replace(' light gbm', ' LightGBM')

function shown(name: string, value: number): string {
  if (Number.isInteger(value)) return value.toLocaleString('en-US')
  return name === 'baseRate' ? `${(100 * value).toFixed(1)} %` : value.toPrecision(3)
}
