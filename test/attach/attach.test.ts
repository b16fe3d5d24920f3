/**
 * Attach cases: stratafs under each runtime; with STRATAFS_ATTACH=full all of them, and fuse-overlayfs for comparison.
 */
import { runColumn } from './column.js'

runColumn('stratafs', true)
if (process.env.STRATAFS_ATTACH === 'full') runColumn('fuse-overlayfs', false)
