module example.com/shop // the shop

go 1.16

toolchain go1.21rc2

require (
	github.com/Masterminds/semver/v3 v3.1.1
	golang.org/x/text v0.3.7 // indirect
	"example.com/quoted" v1.0.0
)

require example.com/local v0.0.0-00010101000000-000000000000

require (
	example.com/fork v1.2.3
	example.com/bad v1.0.0
)

exclude example.com/bad v1.0.0

replace example.com/local => ../local

replace (
	example.com/fork v1.2.3 => example.org/our/fork v1.2.4+incompatible
)

retract [v1.0.0, v1.9.9]

nonsense here and there
