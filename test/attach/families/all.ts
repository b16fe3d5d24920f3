/** The families, in the order of the page. */
import type { Family } from '../case.js'
import { podman } from './podman.js'

export const families: readonly Family[] = [podman('root'), podman('user')]
