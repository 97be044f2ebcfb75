/** The text of a file, piece by piece. */
import { createReadStream } from 'node:fs'
import { createGunzip } from 'node:zlib'
import type { SourceFile } from './files.ts'
import { FileError } from './row.ts'

/** Reads a file as UTF-8 in bounded memory. Throws a {@link FileError} for what is no text, or was cut off. */
export class TextChunks {
  private readonly file: SourceFile
  private bytesRead = 0

  constructor(file: SourceFile) {
    this.file = file
  }

  /** The part of the file that has been read. */
  get share(): number {
    return this.file.bytes === 0 ? 1 : Math.min(1, this.bytesRead / this.file.bytes)
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<string> {
    const { path, name, isGzip } = this.file
    this.bytesRead = 0
    const bytes = createReadStream(path, { highWaterMark: 256 * 1024 })
    bytes.on('data', (chunk) => {
      this.bytesRead += chunk.length
    })
    const plain = isGzip ? bytes.pipe(createGunzip()) : bytes
    bytes.on('error', (error) => plain.destroy(error))
    const utf8 = new TextDecoder('utf-8', { fatal: true })
    let at = 0
    try {
      for await (const chunk of plain as AsyncIterable<Uint8Array>) {
        const text = utf8.decode(chunk, { stream: true })
        at += chunk.length
        if (text !== '') yield text
      }
      utf8.decode()
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException
      if (code === 'ERR_ENCODING_INVALID_ENCODED_DATA')
        throw new FileError(`${name} is not UTF-8, near byte ${at}. Convert it first: iconv -f LATIN1 -t UTF-8.`)
      if (isGzip && /^Z_/.test(code ?? ''))
        throw new FileError(`${name} is no whole gzip file (${message}): it is damaged, or still being written.`)
      throw error
    } finally {
      bytes.destroy()
    }
  }
}
