/** The conformance cases on the hybrid engine: run by hand (`npm run test:hybrid`), for a column takes its time. */
import { runColumn } from './column-run.js'
import { hybrid } from './hybrid-columns.js'

runColumn(hybrid)
