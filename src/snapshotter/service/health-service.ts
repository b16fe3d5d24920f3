/** grpc.health.v1.Health: whether the snapshotter, as a whole or by service, takes calls. */

import type { UntypedServiceImplementation } from '@grpc/grpc-js'
import { type ServerUnaryCall, type ServerWritableStream, type sendUnaryData, status } from '@grpc/grpc-js'

export const HEALTH = 'grpc.health.v1.Health'

const SERVING = 1
const SERVICE_UNKNOWN = 3

interface HealthRequest {
  readonly service: string
}
interface HealthResponse {
  readonly status: number
}

/** `names`: the services there are. It answers while the process does. */
export function healthService(names: readonly string[]): UntypedServiceImplementation {
  const isKnown = (service: string) => service === '' || names.includes(service)
  return {
    Check: (call: ServerUnaryCall<HealthRequest, HealthResponse>, callback: sendUnaryData<HealthResponse>) => {
      const { service } = call.request
      if (isKnown(service)) callback(null, { status: SERVING })
      else callback({ code: status.NOT_FOUND, details: `there is no service ${service}` })
    },
    // The stream stays open, and its end says that there is no server any more.
    Watch: (call: ServerWritableStream<HealthRequest, HealthResponse>) => {
      call.write({ status: isKnown(call.request.service) ? SERVING : SERVICE_UNKNOWN })
    },
  }
}
