/** The families, in the order of the page. */
import type { Family } from '../case.js'
import { buildah } from './buildah.js'
import { bundles } from './bundles.js'
import { dockerd } from './docker.js'
import { mount8 } from './mount8.js'
import { podman } from './podman.js'

export const families: readonly Family[] = [
  podman('root'),
  podman('user'),
  buildah('root'),
  buildah('user'),
  dockerd,
  mount8,
  bundles,
]
