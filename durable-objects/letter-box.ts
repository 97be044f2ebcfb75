import type { DeadLetter, Outbox } from '../src/shard/index.ts'

/** Where refused events go. */
export interface LetterBoxes {
  getByName(name: string): { add(letters: readonly DeadLetter[]): Promise<void> }
}

/** Outbox rows that leave in one call. */
const LETTER_ROWS = 8

/** Hands the oldest refusals of an outbox to the dead letters of their sources. */
export async function sendLetters(outbox: Outbox, boxes: LetterBoxes, region: string): Promise<void> {
  const { letters, delivered } = outbox.take(LETTER_ROWS)
  for (const source of new Set(letters.map((letter) => letter.source))) {
    await boxes.getByName(`${region}/${source}`).add(letters.filter((letter) => letter.source === source))
  }
  delivered()
}
