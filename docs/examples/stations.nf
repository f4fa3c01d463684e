// stations.nf  sorts the lines of each year of params.data/table.csv. Results are published on the mount by copies; the work directory, which is full of links,
// is on the local disk (-work-dir).
params.data = null

process year {
    publishDir "${params.data}/results", mode: 'copy'

    input:
    tuple val(year), path(table)

    output:
    path "sorted-${year}.csv"

    script:
    """
    grep ',${year},' ${table} | LC_ALL=C sort >sorted-${year}.csv
    """
}

workflow {
    year(channel.of(1990, 2000, 2010).combine(channel.fromPath("${params.data}/table.csv")))
}
