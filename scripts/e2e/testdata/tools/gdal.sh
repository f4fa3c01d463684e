#!/bin/bash
# GDAL: GeoTIFFs (plain, tiled and compressed), overviews added in place, a mosaic of relative paths.
set -euo pipefail
cp "$INPUTS/dem1.asc" "$INPUTS/dem2.asc" .
gdal_translate -q -a_srs EPSG:3067 dem1.asc dem1.tif
gdal_translate -q -a_srs EPSG:3067 -co TILED=YES -co COMPRESS=DEFLATE -co BLOCKXSIZE=128 -co BLOCKYSIZE=128 dem2.asc dem2.tif
gdaladdo -q dem1.tif 2 4
gdalbuildvrt -q mosaic.vrt dem1.tif dem2.tif
gdalinfo -checksum mosaic.vrt
gdalinfo -checksum dem1.tif
gdal_translate -q -projwin 385300 6671200 385500 6671100 mosaic.vrt window.tif
gdalinfo -stats window.tif
gdallocationinfo -valonly mosaic.vrt 500 100
gdal_translate -q -of COG mosaic.vrt cog.tif 2>/dev/null
gdalinfo -checksum cog.tif | grep -i checksum
