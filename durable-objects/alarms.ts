type AlarmStorage = Pick<DurableObjectStorage, 'setAlarm' | 'deleteAlarm'>

/** The one alarm of an object for several who want to be woken: it is set for the first of them. */
export class Alarms {
  private readonly storage: AlarmStorage
  private readonly wanted = new Map<string, number>()
  /** What the alarm is set for; undefined when that is not known. */
  private armedMs: number | null | undefined

  constructor(storage: AlarmStorage) {
    this.storage = storage
  }

  /** The alarm as one of them sees it. */
  for(name: string): AlarmStorage {
    return {
      setAlarm: async (time) => {
        this.wanted.set(name, Number(time))
        await this.arm()
      },
      deleteAlarm: async () => {
        this.wanted.delete(name)
        await this.arm()
      },
    }
  }

  /** To be called when it has rung: everyone who still wants to be woken has to say so again. */
  rang(): void {
    this.armedMs = null
    this.wanted.clear()
  }

  /** A write costs a row: only what changes is written. */
  private async arm(): Promise<void> {
    const firstMs = this.wanted.size === 0 ? null : Math.min(...this.wanted.values())
    if (firstMs === this.armedMs) return
    this.armedMs = firstMs
    if (firstMs === null) await this.storage.deleteAlarm()
    else await this.storage.setAlarm(firstMs)
  }
}
