#!/bin/bash
# terrain.sh DIR  makes of the grids DIR/dem1.asc and DIR/dem2.asc one cloud-optimised GeoTIFF, its hillshade, and a piece in degrees, in DIR/results
set -euo pipefail
cd "$1"
mkdir -p results
gdalbuildvrt -q -a_srs EPSG:3067 results/both.vrt dem1.asc dem2.asc
gdal_translate -q -of COG -co COMPRESS=DEFLATE results/both.vrt results/terrain.tif
gdaldem hillshade -q results/terrain.tif results/shade.tif
gdalwarp -q -t_srs EPSG:4326 -te 24.93 60.168 24.94 60.170 results/terrain.tif results/piece.tif
gdalinfo results/terrain.tif | grep 'Size is'
