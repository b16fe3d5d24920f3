/** As hybrid.column.ts, in a user namespace. */
import { runColumn } from './column-run.js'
import { hybridUser } from './hybrid-columns.js'

runColumn(hybridUser)
