/**
 * A descriptor that is kept has one owner. What is kept in a field is closed through it (`native.close(this.fd)`), so
 * such a call says that a bare number was stored. Only the files below may store one; all others keep an OwnedFd
 * (src/syscalls/owned-fd.ts). What a function opens and closes itself it names by a plain variable.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { sourceFiles } from './sources.js'

/** Files of src that store bare descriptors: their class or record has one `close`, or one place that lets go. */
const OWNERS = new Set([
  // The owner class itself.
  'src/syscalls/owned-fd.ts',
  // Layers and their open directories, which every request passes to system calls.
  'src/layers/layer-dir.ts',
  'src/layers/real-dir.ts',
  'src/layers/workdir.ts',
  'src/stack/layer-stack.ts',
  // A node's content and its unlinked inode: numbers beside others in its sparse fields.
  'src/union/data/content-fd.ts',
  'src/union/data/forget.ts',
  'src/union/lookup/lookup.ts',
  'src/union/setup.ts',
  // Steps of one operation, which hands its descriptors from one to the next.
  'src/union/copy-up/background-copy.ts',
  'src/union/copy-up/content.ts',
  'src/union/copy-up/copy-up.ts',
  'src/union/entries/create-entry.ts',
  // The log's file, below the system calls' room.
  'src/base/log.ts',
  // Handed to another thread as a number.
  'src/owner-index/writer/writer.ts',
])

const CLOSES_A_FIELD = /\b(?:native\.close|native\.closeSoon|closeSync)\(\s*(?:this|\w+)!?(?:\??\.#?\w+!?)+\s*\)/

/** Stored descriptors without an owner in the checkout at `root`, one line each. */
export function checkDescriptors(root: string): string[] {
  return sourceFiles(root, 'src')
    .filter((file) => !OWNERS.has(file))
    .flatMap((file) => bareStores(file, readFileSync(join(root, file), 'utf8')))
}

/** Lines of `text` that close a descriptor which is kept in a field, one line each. */
export function bareStores(file: string, text: string): string[] {
  return text.split('\n').flatMap((line, at) => {
    const found = CLOSES_A_FIELD.exec(line)
    return found === null ? [] : [`${file}:${at + 1}: ${found[0]}: keep an OwnedFd, or close a variable`]
  })
}
