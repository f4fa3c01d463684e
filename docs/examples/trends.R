# trends.R DIR  reads DIR/table.csv, writes the trend of each station to DIR/results/trends.csv and the models to DIR/results/trends.rds
args <- commandArgs(trailingOnly = TRUE)
results <- file.path(args[1], "results")
dir.create(results, showWarnings = FALSE)

table <- read.csv(file.path(args[1], "table.csv"))
models <- lapply(split(table, table$station), function(rows) coef(lm(value ~ year, data = rows)))

trends <- data.frame(station = names(models), slope = round(sapply(models, `[[`, "year"), 6), row.names = NULL)
write.csv(trends, file.path(results, "trends.csv"), row.names = FALSE)
saveRDS(models, file.path(results, "trends.rds"))

again <- readRDS(file.path(results, "trends.rds"))
cat(nrow(trends), "stations,", length(again), "models\n")
