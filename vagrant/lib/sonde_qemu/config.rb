# frozen_string_literal: true

require 'vagrant'

module SondeQemu
  # What a Vagrantfile may set: which cell, and where its files are.
  class Config < Vagrant.plugin('2', :config)
    # Name of the cell, such as 6.12-arm64.
    attr_accessor :cell
    # Folder with machine.json, as `sonde-vm machine` writes it.
    attr_accessor :folder
    # Seconds to wait for the console's ready line; 300 by default, for machines that emulate.
    attr_accessor :boot_seconds

    def initialize
      super
      @cell = UNSET_VALUE
      @folder = UNSET_VALUE
      @boot_seconds = UNSET_VALUE
    end

    def finalize!
      @cell = nil if @cell == UNSET_VALUE
      @folder = nil if @folder == UNSET_VALUE
      @boot_seconds = 300 if @boot_seconds == UNSET_VALUE
    end

    def validate(_machine)
      missing = { 'cell' => cell, 'folder' => folder }.select { |_name, value| value.nil? }.keys
      { 'QEMU provider' => missing.map { |name| "#{name} is not set" } }
    end
  end
end
