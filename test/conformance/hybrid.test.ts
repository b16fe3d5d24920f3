/** The conformance cases on one column; a file each, so that `node --test` can run columns beside one another. */
import { runColumn } from './column-run.js'
import { columnNamed } from './columns.js'

runColumn(columnNamed('hybrid'))
