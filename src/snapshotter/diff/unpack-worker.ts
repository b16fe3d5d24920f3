/** The thread that unpacks layers, one after the other, while the snapshotter answers others. */
import { parentPort } from 'node:worker_threads'
import { StratafsError } from '../../base/failure.js'
import { sourceStack } from '../../base/source-stack.js'
import { policyOf } from '../../oci/apply/policy.js'
import { unpack } from '../../oci/apply/unpack.js'
import { measureTree, UsageCount } from '../layers/usage.js'
import type { FromUnpacker, ToUnpacker, UnpackedLayer, UnpackOrder } from './unpack-work.js'

let gone = new AbortController()

async function run({ lowers, ...order }: UnpackOrder): Promise<UnpackedLayer> {
  const count = new UsageCount()
  let isCounted = false
  const unpacked = await unpack({
    ...order,
    policy: policyOf({}),
    ...(lowers === null ? {} : { lowers }),
    signal: gone.signal,
    seen: count.add,
    seenAll: (isAll) => {
      isCounted = isAll
    },
  })
  const { directory } = order
  return { unpacked, usage: isCounted ? count.total(directory) : await measureTree(directory) }
}

const tell = (message: FromUnpacker): void => parentPort!.postMessage(message)

parentPort!.on('message', (message: ToUnpacker) => {
  if (message === 'end') return parentPort!.close()
  if (message === 'cancel') return gone.abort()
  gone = new AbortController()
  run(message).then(tell, (error) =>
    tell({ failure: error instanceof StratafsError ? error.toJSON() : sourceStack(error) }),
  )
})
