/**
 * The greatest version that a reader has seen of each place, of the last so many places that it read. KV may answer with less
 * than it did before (its caches are many): with this a reader notices.
 */
export class SeenVersions {
  private readonly versions = new Map<string, string>()
  private readonly max: number

  /** @param max how many places are remembered; about 500 bytes each */
  constructor(max: number) {
    this.max = max
  }

  /** Notes what was read, as a version text, '' for nothing. False when something greater was read before. */
  note(place: string, version: string): boolean {
    const known = this.versions.get(place) ?? ''
    if (version < known) return false
    if (version === '') return true
    // The last one noted is the last one forgotten.
    this.versions.delete(place)
    this.versions.set(place, version)
    if (this.versions.size > this.max) {
      const [oldest] = this.versions.keys()
      if (oldest !== undefined) this.versions.delete(oldest)
    }
    return true
  }
}
