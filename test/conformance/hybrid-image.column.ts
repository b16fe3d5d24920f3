/** As hybrid.column.ts, on metadata images. */
import { runColumn } from './column-run.js'
import { hybridImage } from './hybrid-columns.js'

runColumn(hybridImage)
