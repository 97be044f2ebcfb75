import { compareVersions } from '../online/index.ts'
import type { Part } from './part.ts'

/** Decoded copies in one isolate; 128 MB is the limit of everything in it. */
export const DEFAULT_CACHE_BYTES = 32 * 1024 * 1024

/**
 * Parts that this isolate has read, by address, least recently used first out. Of one address the greatest version stays: a store
 * that answers something older than it did takes nobody back.
 */
export class PartCache {
  private readonly maxBytes: number
  /** In the order of their last use. */
  private readonly parts = new Map<string, Part>()
  private usedBytes = 0

  constructor(maxBytes = DEFAULT_CACHE_BYTES) {
    this.maxBytes = maxBytes
  }

  get bytes(): number {
    return this.usedBytes
  }

  /** As it was read, whatever its age. */
  get(address: string): Part | undefined {
    const part = this.parts.get(address)
    if (part === undefined) return undefined
    this.parts.delete(address)
    this.parts.set(address, part)
    return part
  }

  /** Keeps a part, and gives the better one of it and the one that was kept. */
  put(address: string, part: Part): Part {
    const known = this.parts.get(address)
    const best = known === undefined ? part : newer(known, part)
    if (best === known) return best
    this.parts.delete(address)
    this.parts.set(address, best)
    this.usedBytes += best.size - (known?.size ?? 0)
    for (const [oldest, { size }] of this.parts) {
      if (this.usedBytes <= this.maxBytes) break
      this.parts.delete(oldest)
      this.usedBytes -= size
    }
    return best
  }
}

/** Of two parts of one address the one that has seen more. */
export function newer(known: Part, read: Part): Part {
  if (read.epoch !== known.epoch) return read.epoch > known.epoch ? read : known
  // Revisions are a store's own: between tiers the commits decide.
  const order = compareVersions(orderOf(read), orderOf(known))
  if (order !== 0) return order > 0 ? read : known
  return read.asOfMs >= known.asOfMs ? read : known
}

const orderOf = ({ version, epoch }: Part) => ({ ...(version ?? { mark: 0, seq: 0 }), epoch, revision: 0 })
