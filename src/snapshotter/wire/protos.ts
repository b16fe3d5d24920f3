/**
 * The services' definitions, read from the package's own .proto files: no package carries containerd's. Field names
 * become camelCase, 64-bit numbers plain ones, enums their numbers.
 */
import { join } from 'node:path'
import { type GrpcObject, loadPackageDefinition, type ServiceClientConstructor } from '@grpc/grpc-js'
import { loadSync } from '@grpc/proto-loader'
import { packageRoot } from '../../base/package-files.js'

const FILES = ['snapshots', 'diff', 'content', 'introspection', 'health'].map((name) => `${name}.proto`)

let loaded: GrpcObject | null = null

/** The service of the full name `name`: `service` of it is what a server adds, and it makes clients. */
export function serviceOf(name: string): ServiceClientConstructor {
  loaded ??= loadPackageDefinition(
    loadSync(FILES, { includeDirs: [join(packageRoot(), 'proto')], longs: Number, enums: Number, defaults: true }),
  )
  let at: unknown = loaded
  for (const part of name.split('.')) at = (at as GrpcObject)[part]
  return at as ServiceClientConstructor
}
