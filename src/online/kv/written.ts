/** What was last put at a key. */
export interface Written {
  /** Version text of the greatest that KV said it has taken; '' while it has taken none. */
  readonly version: string
  /** When the last put began, ms. */
  readonly putMs: number
  /** What to put again should it not be there; undefined once it was read back. */
  readonly text?: string
}

/** What a writer knows of its keys, bounded by keys and by the length of the texts: the oldest are forgotten. */
export class WrittenKeys {
  private readonly keys = new Map<string, Written>()
  private readonly maxKeys: number
  private readonly maxUnits: number
  private units = 0

  constructor(maxKeys: number, maxUnits: number) {
    this.maxKeys = maxKeys
    this.maxUnits = maxUnits
  }

  get(key: string): Written | undefined {
    return this.keys.get(key)
  }

  set(key: string, written: Written): void {
    this.forget(key)
    this.keys.set(key, written)
    this.units += written.text?.length ?? 0
    for (const oldest of this.keys.keys()) {
      if (this.keys.size <= this.maxKeys && this.units <= this.maxUnits) break
      this.forget(oldest)
    }
  }

  /** Those that have to be read back, the oldest first. */
  *waiting(): Generator<readonly [key: string, written: Written & { readonly text: string }]> {
    for (const [key, written] of this.keys) {
      if (written.text !== undefined) yield [key, { ...written, text: written.text }]
    }
  }

  private forget(key: string): void {
    this.units -= this.keys.get(key)?.text?.length ?? 0
    this.keys.delete(key)
  }
}
