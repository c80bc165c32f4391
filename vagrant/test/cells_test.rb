# frozen_string_literal: true

require 'fileutils'
require 'minitest/autorun'
require 'tmpdir'
require_relative '../lib/sonde_qemu/cells'

# The machines are the cells of the one matrix, whatever it holds.
class CellsTest < Minitest::Test
  Domain = Struct.new(:driver, :memory, :machine_type, :kernel, :initrd, :cmd_line, :arguments) do
    def qemuargs(value:)
      (self.arguments ||= []) << value
    end
  end

  def test_every_cell_of_the_committed_matrix
    matrix = JSON.parse(File.read(SondeQemu::Cells::MATRIX))
    names = SondeQemu::Cells.all.map(&:name)
    assert_equal names.uniq, names
    matrix.fetch('kernels').each do |kernel|
      assert(names.any? { |name| name.start_with?("#{kernel.fetch('name')}-") }, kernel.fetch('name'))
    end
    assert_includes names, '6.12-arm64'
  end

  def test_a_new_kernel_is_one_entry
    Dir.mktmpdir do |folder|
      file = File.join(folder, 'matrix.json')
      kernels = [{ 'name' => '9.9', 'memoryMib' => 384, 'architectures' => ['arm64'] }]
      File.write(file,
                 JSON.generate('kernels' => kernels, 'architectures' => [{ 'name' => 'amd64' }, { 'name' => 'arm64' }]))
      cells = SondeQemu::Cells.all(matrix: file, machines: folder)
      assert_equal ['9.9-arm64'], cells.map(&:name)
      assert_equal File.join(folder, '9.9-arm64', 'key'), cells.first.private_key
    end
  end

  def test_libvirt_gets_the_same_kernel_and_disks
    Dir.mktmpdir do |folder|
      FileUtils.mkdir_p(File.join(folder, '9.9-amd64'))
      arguments = ['-kernel', '/k', '-initrd', '/i', '-append', 'quiet', '-drive', 'if=none,id=base,file=/b',
                   '-device', 'nvme,serial=base,drive=base', '-device', 'pci-serial,chardev=tap']
      File.write(File.join(folder, '9.9-amd64', 'machine.json'), JSON.generate('arguments' => arguments))
      architecture = { 'name' => 'amd64', 'qemu' => { 'machine' => 'q35' } }
      cell = SondeQemu::Cell.new({ 'name' => '9.9', 'memoryMib' => 384 }, architecture, folder)
      domain = Domain.new
      cell.configure_libvirt(domain)
      assert_equal ['/k', '/i', 'quiet', 'q35', 384],
                   [domain.kernel, domain.initrd, domain.cmd_line, domain.machine_type, domain.memory]
      assert_equal ['-drive', 'if=none,id=base,file=/b', '-device', 'nvme,serial=base,drive=base'], domain.arguments
    end
  end
end
